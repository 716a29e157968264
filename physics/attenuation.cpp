#include "physics/attenuation.hpp"

#include <cmath>
#include <numbers>

namespace lookback::physics {

namespace {

constexpr double r_v = 4.05;
constexpr double blue_edge_angstrom = 1200, join_angstrom = 6300, red_edge_angstrom = 31000;
constexpr double far_ultraviolet_slope = -0.77;
constexpr double magnitude = 0.4 * std::numbers::ln10; // ln of the flux ratio of one magnitude

double blue_polynomial(double wavelength_angstrom) {
  const double u = 1e4 / wavelength_angstrom; // 1 / micron
  return r_v + 2.659 * (-2.156 + u * (1.509 + u * (-0.198 + u * 0.011)));
}

} // namespace

double calzetti_curve(double wavelength_angstrom) {
  const double l = wavelength_angstrom;
  if (l < blue_edge_angstrom)
    return blue_polynomial(blue_edge_angstrom) / r_v *
           std::pow(l / blue_edge_angstrom, far_ultraviolet_slope);
  if (l < join_angstrom) return blue_polynomial(l) / r_v;
  if (l < red_edge_angstrom) return (r_v + 2.659 * (-1.857 + 1.040 * 1e4 / l)) / r_v;
  return 0;
}

Eigen::VectorXd calzetti_curve(const Eigen::VectorXd& wavelength_angstrom) {
  return wavelength_angstrom.unaryExpr([](double l) { return calzetti_curve(l); });
}

Eigen::VectorXd transmission(const Eigen::VectorXd& curve, double a_v) {
  return (-magnitude * a_v * curve.array()).exp();
}

Eigen::VectorXd transmission_slope(const Eigen::VectorXd& curve, double a_v) {
  return -magnitude * curve.array() * transmission(curve, a_v).array();
}

} // namespace lookback::physics
