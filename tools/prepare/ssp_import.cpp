#include "tools/prepare/ssp_import.hpp"

#include "physics/units.hpp"
#include "tools/files/in_file.hpp"
#include "tools/files/vacuum.hpp"

#include <algorithm>
#include <cmath>

namespace lookback::tools {
namespace {

constexpr double lookback_zsun = 0.0142; // Asplund et al. 2009, protosolar

// No stellar population is outside of these by far: BC03, M05 and E-MILES peak at 1e-3 to 20
// Lsun/Angstrom/Msun. A file of erg/s or of fluxes per Hz is off by 1e12 and more.
constexpr double least_peak = 1e-6, largest_peak = 1e3;
constexpr double least_last_age_gyr = 1e-3, largest_last_age_gyr = 30;
constexpr double least_last_angstrom = 1000;

void check_units(const physics::SspGrid& grid) {
  const double wavelength = grid.wavelength_angstrom[grid.wavelengths() - 1];
  require(wavelength > least_last_angstrom, "the last wavelength would be ", wavelength,
          " Angstrom; is it in another unit?");
  const double age = grid.age_gyr[grid.ages() - 1];
  require(age > least_last_age_gyr && age < largest_last_age_gyr, "the oldest population would be ",
          age, " Gyr old; are the ages in another unit?");
  const float peak = *std::max_element(grid.flux.begin(), grid.flux.end());
  require(peak > least_peak && peak < largest_peak, "the brightest flux would be ", peak,
          " Lsun/Angstrom/Msun, which no stellar population has; is it in another unit?");
}

void replace(std::string& text, const std::string& stated) {
  if (!stated.empty()) text = stated;
}

} // namespace

double log_z_of(double z_absolute) {
  require(z_absolute > 0 && z_absolute < 1, "a metallicity is ", z_absolute,
          "; expected a mass fraction between 0 and 1");
  return std::log10(z_absolute / lookback_zsun);
}

double log_z_of(double log_z_relative, double zsun) {
  return log_z_relative + std::log10(zsun / lookback_zsun);
}

double per_angstrom(double per_hz, double wavelength_angstrom) {
  constexpr double speed_of_light =
      physics::units::speed_of_light_cm_per_s / physics::units::angstrom_cm;
  return per_hz * speed_of_light / (wavelength_angstrom * wavelength_angstrom);
}

void finish_import(const std::filesystem::path& file, physics::SspGrid& grid, const SspFacts& facts,
                   const std::string& medium) {
  grid.original_medium = facts.medium.empty() ? medium : facts.medium;
  if (grid.original_medium == "air")
    grid.wavelength_angstrom = grid.wavelength_angstrom.unaryExpr(&vacuum_from_air).eval();
  replace(grid.imf, facts.imf);
  replace(grid.isochrones, facts.isochrones);
  replace(grid.stellar_library, facts.stellar_library);
  if (facts.lsun_erg_per_s) grid.lsun_erg_per_s = *facts.lsun_erg_per_s;
  if (facts.resolution_fwhm_angstrom || facts.resolution_sigma_km_s) {
    grid.resolution_fwhm_angstrom = facts.resolution_fwhm_angstrom;
    grid.resolution_sigma_km_s = facts.resolution_sigma_km_s;
  }
  in_file(file, [&] {
    check(grid);
    check_units(grid);
  });
}

void drop_ages_below(physics::SspGrid& grid, double age_gyr) {
  const auto first = std::lower_bound(grid.age_gyr.begin(), grid.age_gyr.end(), age_gyr);
  const Eigen::Index dropped = first - grid.age_gyr.begin(), kept = grid.ages() - dropped;
  require(kept > 0, "the grid's oldest population is ", grid.age_gyr[grid.ages() - 1],
          " Gyr old; --min-age ", age_gyr, " leaves none");
  if (dropped == 0) return;
  std::vector<float> flux;
  for (Eigen::Index z = 0; z < grid.metallicities(); ++z) {
    const auto spectra = grid.flux.begin() + z * grid.ages() * grid.wavelengths();
    flux.insert(flux.end(), spectra + dropped * grid.wavelengths(),
                spectra + grid.ages() * grid.wavelengths());
  }
  grid.flux = std::move(flux);
  grid.age_gyr = grid.age_gyr.tail(kept).eval();
  if (grid.surviving_mass_fraction)
    grid.surviving_mass_fraction = grid.surviving_mass_fraction->rightCols(kept).eval();
}

} // namespace lookback::tools
