// The options of the forward model that `forward` and `sample` share, and what physics makes of
// them.
#pragma once

#include "physics/galaxy_model.hpp"
#include "tools/common/command_line.hpp"

#include <Eigen/Core>

namespace lookback::tools {

struct ModelOptions {
  std::optional<std::string> dust_emission; // none, dl07, blackbody
  std::filesystem::path dust_table;
  physics::DustMixture dust_mixture;
  std::optional<double> dust_temperature_k, dust_beta;
  std::optional<double> sigma_v_km_per_s;
  std::optional<std::string> lsf; // file, none, or a number of km/s
  std::string resampling = "linear", age_rule = "exact";
};

void add_model_options(Command& command, ModelOptions& options);

physics::ResamplingRule resampling_rule(const ModelOptions& options);
physics::AgeRule age_rule(const ModelOptions& options);

// The number of --lsf; none where it is a word. Errors: neither a known word nor above 0.
std::optional<double> lsf_number(const ModelOptions& options);

// Emission on the grid's wavelengths; empty for none. Where the user chose nothing it is none too,
// and a note says so if the model looks beyond 1 micron behind dust. Errors: dl07 without a table,
// blackbody without temperature or emissivity; those of physics.
physics::DustEmission dust_emission(const ModelOptions& options, const physics::SspGrid& grid,
                                    double reddest_rest_angstrom, double a_v,
                                    std::vector<std::string>& notes);

// Dispersion of the library's spectra in km/s, at a rest wavelength (0 where the grid does not know
// it), and at all of the grid's (empty).
double library_dispersion(const physics::SspGrid& grid, double rest_angstrom);
Eigen::VectorXd library_dispersion(const physics::SspGrid& grid);
inline constexpr char unknown_library_note[] =
    "the SSP grid does not say its resolution and is taken as perfectly sharp";

} // namespace lookback::tools
