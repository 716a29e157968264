// Dust screen after Calzetti et al. 2000 (ApJ 533, 682), eq. 4, R_V = 4.05, with x in micron:
//
//   k = 4.05 + 2.659 (-2.156 + 1.509/x - 0.198/x^2 + 0.011/x^3)   1200 <= l < 6300 Angstrom
//   k = 4.05 + 2.659 (-1.857 + 1.040/x)                           6300 <= l < 31000
//   k = k(1200) (l/1200)^-0.77  below,  k = 0  above;             A(l)/A_V = k / 4.05.
//
// The published pieces do not meet exactly at 6300 Angstrom (0.858 and 0.865) and A(5500)/A_V is
// 0.9995; both are part of the law. The extension below 1200 Angstrom is that of BAGPIPES (Carnall
// et al. 2018), where the polynomial would run away.
#pragma once

#include <Eigen/Core>

namespace lookback::physics {

// A(l) / A_V at a rest-frame vacuum wavelength.
double calzetti_curve(double wavelength_angstrom);

// The curve on a wavelength axis.
Eigen::VectorXd calzetti_curve(const Eigen::VectorXd& wavelength_angstrom);

// 10^(-0.4 A_V c) for each value c of the curve, and its derivative with respect to A_V [per mag].
Eigen::VectorXd transmission(const Eigen::VectorXd& curve, double a_v);
Eigen::VectorXd transmission_slope(const Eigen::VectorXd& curve, double a_v);

} // namespace lookback::physics
