// From luminosity in the galaxy's frame to flux at Earth:
//
//   F(l_obs) = L(l_rest) Lsun / (4 pi d_L^2 (1+z)),   l_obs = (1+z) l_rest.
//
// At redshift 0 there is no distance to use; the galaxy is put at 10 pc, as for absolute
// magnitudes.
#pragma once

namespace lookback::physics {

// erg/s/cm2/Angstrom per Lsun/Angstrom.
double flux_per_luminosity(double redshift, double lsun_erg_per_s);

// d ln(flux per luminosity) / d z, at a redshift above 0.
double flux_per_luminosity_log_slope(double redshift);

} // namespace lookback::physics
