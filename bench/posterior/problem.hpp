// Posteriors with known answers: histories of the built-in generator, z-scored as in the
// publication, a mixture of Gaussians fitted to them as the prior, and the spectrum of a galaxy at
// redshift 0.05 behind A_V = 0.2 in every second pixel of SDSS at S/N 50, either linearised at the
// mean history or whole.
#pragma once

#include "tools/inference/compressed_spectrum.hpp"
#include "tools/inference/exact_mixture.hpp"

#include <cstdint>
#include <filesystem>
#include <memory>
#include <random>

namespace lookback::bench {

struct Problem {
  nn::Normalization normalization;
  std::optional<tools::GaussianMixture> prior;
  physics::SspGrid grid;
  std::optional<physics::GalaxyModel> model;
  Eigen::MatrixXd a;        // dS/dx at x = 0, whitened, [pixels, D]
  double noise;             // of a pixel, in the model's flux unit
  Eigen::MatrixXd fit_data; // histories that the prior was fitted to, [D, N]
};

// An empty `ssp` is the built-in grid.
Problem make_problem(const std::filesystem::path& ssp, Eigen::Index components, std::uint64_t seed);

// Standard normal numbers [rows, cols] of a stream of their own.
Eigen::MatrixXd normals(Eigen::Index rows, Eigen::Index cols, std::uint32_t object);

// y = A x + noise of a truth drawn from the prior: all pixels.
tools::LinearData linear_mock(const Problem& problem, std::uint32_t object);
// The same numbers turned into the basis of A's columns: as many as there are variables.
tools::LinearData compressed(const tools::LinearData& data);

struct NonlinearMock {
  Eigen::VectorXd truth;
  std::unique_ptr<tools::SpectrumLikelihood> likelihood;
  std::unique_ptr<tools::SpectrumData> data;
};
NonlinearMock nonlinear_mock(const Problem& problem, std::uint32_t object);

} // namespace lookback::bench
