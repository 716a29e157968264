// lookback-samples: draws from the prior or posterior in the ArviZ schema (netCDF-4 dimensions by
// HDF5 dimension scales), so that xarray.open_datatree and arviz.from_netcdf open it.
#pragma once

#include "tools/files/observation.hpp"
#include "tools/files/output.hpp"

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace lookback::tools {

// A scalar per draw, or a number on its own where it holds one value.
struct Quantity {
  std::string name, unit;
  std::vector<double> values; // NaN and -Inf are let through (a galaxy without stars)
};

using AttributeValue = std::variant<std::string, double, std::int64_t>;

struct Samples {
  bool posterior = true; // false: draws from the prior, no observation
  std::int64_t draws = 0;
  int bins = 0;
  std::vector<float> sfr_msun_per_yr, log_z_zsun; // [draws, bins]
  std::vector<double> bin_edges_gyr;              // [bins + 1]
  std::vector<Quantity> quantities;               // [draws] each: masses, ages, nuisances
  std::vector<Quantity> sample_stats;             // [draws] each: chi2, diagnostics
  std::vector<Quantity> constants;                // one value each: redshift, a_v, cosmology
  std::vector<Quantity> bin_constants;            // [bins] each: histories by others
  Observation observation;                        // empty for the prior
  std::vector<float> model_flux;                  // [draws, W] in observation.flux_unit, or empty
  std::vector<std::pair<std::string, AttributeValue>> attributes; // method, seed, sha256 …
};

void write_samples(const OutputFile& output, const Samples& samples);
// Attributes that are numbers come back as double; format, created_by and config are among them.
Samples read_samples(const std::filesystem::path& file);

// Group `summary` of the file: quantiles 2.5, 16, 50, 84 and 97.5 % by linear interpolation between
// order statistics (R's type 7). Values that are NaN are left out.
inline constexpr double summary_levels[] = {0.025, 0.16, 0.5, 0.84, 0.975};
std::vector<double> quantiles(std::vector<double> values, std::span<const double> levels);

} // namespace lookback::tools
