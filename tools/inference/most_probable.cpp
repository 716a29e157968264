#include "tools/inference/most_probable.hpp"

#include <Eigen/Cholesky>

namespace lookback::tools {

using Eigen::MatrixXd;
using Eigen::VectorXd;

VectorXd most_probable(const WhitenedData& data, Eigen::Index dimension, int steps) {
  constexpr double negligible = 1e-6; // of a log density
  VectorXd x = VectorXd::Zero(dimension), residual = data.residual(x);
  double cost = 0.5 * residual.squaredNorm();
  for (int step = 0; step < steps; ++step) {
    const MatrixXd j = data.jacobian(x);
    MatrixXd curvature = MatrixXd::Identity(dimension, dimension);
    curvature.selfadjointView<Eigen::Lower>().rankUpdate(j.transpose());
    const VectorXd towards = curvature.selfadjointView<Eigen::Lower>().llt().solve(
        VectorXd(j.transpose() * residual - x));
    const double before = cost;
    for (double length = 1; length > 1e-6 && cost == before; length /= 2) {
      const VectorXd next = x + length * towards, r = data.residual(next);
      const double here = 0.5 * (r.squaredNorm() + next.squaredNorm());
      if (!(here < cost)) continue; // also where it is not a number
      x = next;
      residual = r;
      cost = here;
    }
    if (before - cost < negligible) break;
  }
  return x;
}

} // namespace lookback::tools
