// Data that confine two numbers to a thin bent sheet, and the truth by quadrature.
#pragma once

#include "tools/inference/whitened_data.hpp"

#include <cmath>
#include <functional>

namespace lookback::test {

// A sheet bent by as much as its length: y = (20 (x_1 + x_0^2/2), x_1) + noise.
class Bent : public tools::WhitenedData {
public:
  Eigen::Index size() const override { return 2; }
  Eigen::VectorXd residual(const Eigen::VectorXd& x) const override {
    return Eigen::Vector2d(10 - 20 * (x[1] + 0.5 * x[0] * x[0]), -x[1]);
  }
  Eigen::MatrixXd jacobian(const Eigen::VectorXd& x) const override {
    Eigen::MatrixXd j(2, 2);
    j << 20 * x[0], 20, 0, 1;
    return j;
  }
};

// Moments x_0, x_1, x_0^2, x_1^2 of x(z), and their squares.
inline Eigen::VectorXd moments(const Eigen::VectorXd& x) {
  Eigen::VectorXd m(8);
  m << x[0], x[1], x[0] * x[0], x[1] * x[1], 0, 0, 0, 0;
  m.tail(4) = m.head(4).cwiseAbs2();
  return m;
}

// Their means over N(z; 0, 1) exp(-|r|^2/2), on a grid of z finer than the sheet.
inline Eigen::VectorXd
by_quadrature(const std::function<Eigen::MatrixXd(const Eigen::MatrixXd&)>& x_of,
              const tools::WhitenedData& data) {
  const Eigen::Index n = 250;
  const Eigen::VectorXd grid = Eigen::VectorXd::LinSpaced(n, -4, 4);
  Eigen::VectorXd sum = Eigen::VectorXd::Zero(8);
  double all = 0;
  for (const double z_0 : grid) {
    Eigen::MatrixXd z(2, n);
    z << Eigen::RowVectorXd::Constant(n, z_0), grid.transpose();
    const Eigen::MatrixXd x = x_of(z);
    for (Eigen::Index k = 0; k < n; ++k) {
      const double weight =
          std::exp(-0.5 * (z.col(k).squaredNorm() + data.residual(x.col(k)).squaredNorm()));
      all += weight;
      sum += weight * moments(x.col(k));
    }
  }
  return sum / all;
}

} // namespace lookback::test
