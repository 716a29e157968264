// What chains of histories become in a samples file.
#pragma once

#include "physics/derived.hpp"
#include "tools/files/samples.hpp"
#include "tools/galaxy/observed_galaxy.hpp"

namespace lookback::tools {

// Histories are columns: SFR [Msun/yr] above log10(Z/Zsun). Adds them and their masses, rates and
// ages at the epoch of observation.
void add_histories(Samples& samples, const Eigen::MatrixXd& histories,
                   const physics::DerivedModel& model);

// Adds the observation, model spectra and bands, chi^2 of every draw, and what was chosen for the
// galaxy; returns the median reduced chi^2, by the stated noise. `free` [galaxy.free, draws] are
// the values drawn of those parameters.
double add_galaxy(Samples& samples, const Eigen::MatrixXd& histories, const Eigen::MatrixXd& free,
                  const Galaxy& galaxy, const SpectrumLikelihood& likelihood);

// Adds parameters of the noise, `values` [names, draws].
void add_noise(Samples& samples, const std::vector<std::string>& names,
               const Eigen::MatrixXd& values);

} // namespace lookback::tools
