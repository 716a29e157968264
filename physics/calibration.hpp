// Errors of flux calibration: the observed spectrum is the model times 1 + sum_k c_k P_k(x), P_k
// the Legendre polynomials in wavelength scaled to -1 .. 1, c_k ~ N(0, sigma^2). Because it is
// linear in c, the integral over c is a covariance of rank K,
//
//   C = noise + U U^T,   U[p, k] = sigma m[p] P_k(x_p),
//
// which gaussian_likelihood.hpp takes, so that no coefficient is ever sampled. m is the model
// spectrum, or the observed one in its place: they differ by noise, an error of second order.
#pragma once

#include <Eigen/Core>
#include <span>

namespace lookback::physics {

// [pixels, last - first + 1] sigma P_k at each wavelength, k = first .. last; diag(m) times it is
// U. first = 1 leaves the overall scale to the mass; 0 frees it too. Errors: fewer than two
// wavelengths, orders out of order, sigma not positive.
Eigen::MatrixXd calibration_modes(std::span<const double> wavelength_angstrom, int first, int last,
                                  double sigma);

} // namespace lookback::physics
