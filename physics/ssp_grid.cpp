#include "physics/ssp_grid.hpp"

#include "engine/error.hpp"

#include <algorithm>
#include <cmath>

namespace lookback::physics {

namespace {

void check_axis(const Eigen::VectorXd& axis, const char* name, Eigen::Index least) {
  require(axis.size() >= least, "SSP grid: ", name, " has ", axis.size(),
          " values; expected at least ", least);
  require(axis.allFinite(), "SSP grid: ", name, " holds a NaN or an infinity");
  for (Eigen::Index i = 1; i < axis.size(); ++i)
    require(axis[i] > axis[i - 1], "SSP grid: ", name, " goes from ", axis[i - 1], " to ", axis[i],
            " at index ", i, "; expected increasing values");
}

void check_positive(const std::optional<double>& value, const char* name) {
  require(!value || (std::isfinite(*value) && *value > 0), "SSP grid: ", name, " is ",
          value.value_or(0), "; expected a positive number or none");
}

} // namespace

void check(const SspGrid& grid) {
  check_axis(grid.wavelength_angstrom, "wavelength_angstrom", 2);
  check_axis(grid.age_gyr, "age_gyr", 1);
  check_axis(grid.log_z_zsun, "log_z_zsun", 1);
  require(grid.wavelength_angstrom[0] > 0, "SSP grid: the first wavelength is ",
          grid.wavelength_angstrom[0], " Angstrom; expected a positive value");
  require(grid.age_gyr[0] > 0, "SSP grid: the first age is ", grid.age_gyr[0],
          " Gyr; expected a positive age, because fluxes are interpolated in its logarithm");

  const auto expected = static_cast<std::size_t>(grid.metallicities()) * grid.ages() *
                        static_cast<std::size_t>(grid.wavelengths());
  require(grid.flux.size() == expected, "SSP grid: ", grid.flux.size(), " fluxes; expected ",
          grid.metallicities(), " x ", grid.ages(), " x ", grid.wavelengths(), " = ", expected);
  require(std::all_of(grid.flux.begin(), grid.flux.end(), [](float f) { return std::isfinite(f); }),
          "SSP grid: the fluxes hold a NaN or an infinity");
  require(std::isfinite(grid.lsun_erg_per_s) && grid.lsun_erg_per_s > 0,
          "SSP grid: the solar luminosity is ", grid.lsun_erg_per_s,
          " erg/s; expected a positive value such as 3.828e33");
  check_positive(grid.original_zsun, "original_zsun");
  check_positive(grid.resolution_fwhm_angstrom, "resolution_fwhm_angstrom");
  check_positive(grid.resolution_sigma_km_s, "resolution_sigma_km_s");
  require(!grid.resolution_fwhm_angstrom || !grid.resolution_sigma_km_s,
          "SSP grid: both resolution_fwhm_angstrom and resolution_sigma_km_s are given; expected "
          "one");

  if (!grid.surviving_mass_fraction) return;
  const auto& fraction = *grid.surviving_mass_fraction;
  require(fraction.rows() == grid.metallicities() && fraction.cols() == grid.ages(),
          "SSP grid: surviving_mass_fraction is ", fraction.rows(), " x ", fraction.cols(),
          "; expected ", grid.metallicities(), " x ", grid.ages());
  require((fraction.array() >= 0).all() && (fraction.array() <= 1).all(),
          "SSP grid: surviving_mass_fraction has a value outside 0 .. 1");
}

SspGrid between(const SspGrid& grid, double low_angstrom, double high_angstrom) {
  const Eigen::VectorXd& l = grid.wavelength_angstrom;
  const auto inside = [&](double x) { return x >= low_angstrom && x <= high_angstrom; };
  const Eigen::Index found = std::count_if(l.begin(), l.end(), inside);
  require(found > 0, "SSP grid: no wavelength between ", low_angstrom, " and ", high_angstrom,
          " Angstrom; the grid goes from ", l[0], " to ", l[l.size() - 1]);
  const Eigen::Index at = std::find_if(l.begin(), l.end(), inside) - l.begin();
  const Eigen::Index first = std::max<Eigen::Index>(0, at - 1);
  const Eigen::Index count = std::min(l.size(), at + found + 1) - first;

  SspGrid part = grid;
  part.wavelength_angstrom = l.segment(first, count);
  part.flux.clear();
  for (Eigen::Index spectrum = 0; spectrum < grid.metallicities() * grid.ages(); ++spectrum) {
    const auto begin = grid.flux.begin() + spectrum * l.size() + first;
    part.flux.insert(part.flux.end(), begin, begin + count);
  }
  return part;
}

} // namespace lookback::physics
