// Constants, CGS and Angstrom, each with its source.
#pragma once

#include <numbers>

namespace lookback::physics::units {

inline constexpr double speed_of_light_cm_per_s = 2.99792458e10; // exact (SI 2019)
inline constexpr double planck_erg_s = 6.62607015e-27;           // exact (SI 2019)
inline constexpr double boltzmann_erg_per_k = 1.380649e-16;      // exact (SI 2019)
inline constexpr double electron_volt_erg = 1.602176634e-12;     // exact (SI 2019)
inline constexpr double gravitation_cm3_per_g_s2 = 6.6743e-8;    // CODATA 2018

inline constexpr double parsec_cm = 3.0856775814913673e18; // IAU 2015 B2: 648000/pi au
inline constexpr double mpc_cm = 1e6 * parsec_cm;
inline constexpr double year_s = 31557600; // Julian year (IAU), 365.25 d
inline constexpr double gyr_s = 1e9 * year_s;
inline constexpr double years_per_gyr = 1e9;
inline constexpr double lsun_erg_per_s = 3.828e33; // IAU 2015 B3, nominal
inline constexpr double angstrom_cm = 1e-8;        // definition

// Stefan-Boltzmann constant, 2 pi^5 k^4 / (15 h^3 c^2), erg / s / cm2 / K4.
inline constexpr double stefan_boltzmann = [] {
  constexpr double pi = std::numbers::pi, k = boltzmann_erg_per_k, h = planck_erg_s;
  constexpr double c = speed_of_light_cm_per_s;
  return 2 * pi * pi * pi * pi * pi * k * k * k * k / (15 * h * h * h * c * c);
}();

} // namespace lookback::physics::units
