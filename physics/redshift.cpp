#include "physics/redshift.hpp"

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

} // namespace lookback::physics
