// The expansion history of Planck 2015 (paper XIII, table 4, TT,TE,EE+lowP+lensing+ext): flat, with
// photons, two massless neutrinos and one of 0.06 eV. With E = H/H0 and x = ln a,
//
//   age(z) = 1/H0  integral_{-inf}^{-ln(1+z)} dx / E,
//   d_L(z) = (1+z) c/H0  integral_{-ln(1+z)}^{0} e^{-x} dx / E.
//
// The massive neutrino follows the fit of Komatsu et al. 2011 (ApJS 192, 18), eq. 26. Ignoring it
// changes the age of the universe by 1e-3.
#pragma once

namespace lookback::physics {

double hubble_ratio(double redshift); // E(z) = H(z) / H0

double age_gyr(double redshift);                 // cosmic time since the big bang
double lookback_time_gyr(double redshift);       // age(0) - age(z)
double luminosity_distance_mpc(double redshift); // 0 at redshift 0

// Derivatives with respect to redshift.
double age_slope_gyr(double redshift);
double luminosity_distance_slope_mpc(double redshift);

// The redshift at which the universe had this age. Errors: an age that is not positive.
double redshift_of_age(double age_gyr);

} // namespace lookback::physics
