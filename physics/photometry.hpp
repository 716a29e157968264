// Photometric bands. The flux of a band is the mean of f_nu weighted by the photons that a detector
// counts (AB system, Oke & Gunn 1983; maggies, Blanton & Roweis 2007),
//
//   <f_nu> = integral f_l T l dl / (c integral T dl / l),   maggies = <f_nu> / 3631 Jy,
//   m_AB   = -2.5 log10(maggies),
//
// T the response per photon, so energy-counting curves must be divided by l first. Maggies are
// linear in the spectrum, hence rows of a matrix: T is a straight line between its nodes, the
// spectrum a histogram of pixels, and both integrals are exact for those.
#pragma once

#include "physics/resampling.hpp"

#include <Eigen/Core>
#include <string>

namespace lookback::physics {

struct Band {
  std::string name;
  Eigen::VectorXd wavelength_angstrom; // [n] observed frame, vacuum, increasing
  Eigen::VectorXd transmission;        // [n] per photon, any scale, 0 or more
};

// Errors, which name the band: fewer than two nodes, sizes that differ, wavelengths not positive or
// not increasing, transmissions negative, not finite or all 0.
void check(const Band& band);

struct BandRows {
  SparseRows weights;     // [1, W] maggies per F_lambda [erg/s/cm2/Angstrom] on the observed axis
  SparseRows by_redshift; // [1, W] derivative at fixed F_lambda on the stretched axis
  bool inside;            // the axis covers the band; else both rows are 0
};

// source [W]: rest-frame axis of the spectrum, stretched by 1 + redshift.
BandRows band_rows(const Band& band, const Eigen::VectorXd& source, double redshift);

double ab_magnitude(double maggies);       // NaN for maggies that are not positive
double ab_magnitude_slope(double maggies); // d m_AB / d maggies

} // namespace lookback::physics
