// What the importers of SSP grids share: the facts that a file leaves unsaid, and the way from a
// library's conventions to those of physics::SspGrid.
#pragma once

#include "physics/ssp_grid.hpp"

#include <filesystem>
#include <optional>
#include <string>

namespace lookback::tools {

// Stated by the user. What is not stated is what the format's authors are known to use; a user's
// word wins over it.
struct SspFacts {
  std::string medium, imf, isochrones, stellar_library; // medium: "air" or "vacuum"
  std::optional<double> zsun, lsun_erg_per_s, resolution_fwhm_angstrom, resolution_sigma_km_s;
  bool operator==(const SspFacts&) const = default;
};

// log10(Z / 0.0142) of an absolute metallicity. Errors: one that is not between 0 and 1.
double log_z_of(double z_absolute);
// The same of a metallicity that is relative to another sun: log10(Z / zsun).
double log_z_of(double log_z_relative, double zsun);

// Flux per Angstrom of one per Hz: L_lambda = L_nu c / lambda^2.
double per_angstrom(double per_hz, double wavelength_angstrom);

// Applies the facts: wavelengths from the medium stated (`medium` where none is) to vacuum, the
// words and numbers that the user gave. To be called once, on a grid with the file's wavelengths.
// Errors, with the name of the file: those of physics::check; numbers that tell of another unit.
void finish_import(const std::filesystem::path& file, physics::SspGrid& grid, const SspFacts& facts,
                   const std::string& medium);

// Leaves out the ages below the one given. Errors: none left.
void drop_ages_below(physics::SspGrid& grid, double age_gyr);

} // namespace lookback::tools
