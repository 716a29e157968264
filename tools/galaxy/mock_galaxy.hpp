// Galaxies of known history, observed: the noise of mocks, and a mock with the likelihood of its
// spectrum.
#pragma once

#include "engine/random.hpp"
#include "physics/galaxy_model.hpp"
#include "tools/inference/spectrum_likelihood.hpp"

#include <cstdint>
#include <span>

namespace lookback::tools {

// Adds noise of one standard deviation in all pixels of a spectrum, its mean flux over the S/N
// ratio, and fills ivar; pixels that the grid does not cover (inside 0) keep flux 0 and have ivar
// 0. Errors: no flux; the sentence names `stream.object` as the history.
void add_noise(double snr, const Stream& stream, std::span<const std::uint8_t> inside,
               std::span<double> flux, std::span<double> ivar);

struct MockGalaxy {
  // history [2 bins]: SFR [Msun/yr], then log10(Z/Zsun). The grid and the normalisation must
  // outlive it. Errors: those of physics and of add_noise.
  MockGalaxy(const physics::SspGrid& grid, const physics::TimeBins& bins,
             const physics::Nuisance& nuisance, std::span<const double> wavelength_angstrom,
             const Eigen::VectorXd& history, double snr, const Stream& noise,
             const nn::Normalization& normalization);
  MockGalaxy(const MockGalaxy&) = delete; // the likelihood refers to the model

  physics::GalaxyModel model;
  SpectrumLikelihood likelihood;
};

} // namespace lookback::tools
