#include "physics/redshift.hpp"

#include "engine/error.hpp"
#include "physics/cosmology.hpp"
#include "physics/units.hpp"

#include <numbers>

namespace lookback::physics {

double flux_per_luminosity(double redshift, double lsun_erg_per_s) {
  constexpr double absolute_magnitude_distance_cm = 10 * units::parsec_cm;
  const double distance_cm = redshift > 0 ? luminosity_distance_mpc(redshift) * units::mpc_cm
                                          : absolute_magnitude_distance_cm;
  return lsun_erg_per_s / (4 * std::numbers::pi * distance_cm * distance_cm * (1 + redshift));
}

double flux_per_luminosity_log_slope(double redshift) {
  require(redshift > 0, "redshift ", redshift,
          ": the slope of the flux needs a redshift above 0, because the galaxy is at 10 pc there");
  return -2 * luminosity_distance_slope_mpc(redshift) / luminosity_distance_mpc(redshift) -
         1 / (1 + redshift);
}

} // namespace lookback::physics
