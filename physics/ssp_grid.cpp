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

  if (!grid.surviving_mass_fraction) return;
  const auto& fraction = *grid.surviving_mass_fraction;
  require(fraction.rows() == grid.metallicities() && fraction.cols() == grid.ages(),
          "SSP grid: surviving_mass_fraction is ", fraction.rows(), " x ", fraction.cols(),
          "; expected ", grid.metallicities(), " x ", grid.ages());
  require((fraction.array() >= 0).all() && (fraction.array() <= 1).all(),
          "SSP grid: surviving_mass_fraction has a value outside 0 .. 1");
}

} // namespace lookback::physics
