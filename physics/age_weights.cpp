#include "physics/age_weights.hpp"

#include <algorithm>
#include <cmath>

namespace lookback::physics {

namespace {

// Antiderivatives of ln(t/node) and t ln(t/node), both 0 at t = 0.
double log_integral(double t, double node) {
  return t > 0 ? t * (std::log(t / node) - 1) : 0;
}
double t_log_integral(double t, double node) {
  return t > 0 ? t * t * (std::log(t / node) / 2 - 0.25) : 0;
}

// Between nodes t_k and t_k+1 the share of the upper one is ln(t/t_k) / ln(t_k+1/t_k); integrating
// measure(t) times that over [p, q] gives its weight, and the rest goes to the lower node.
// `measure(p, q)` integrates the weight function itself, `logarithmic` its product with ln(t/node).
template <class Measure, class Logarithmic>
Eigen::MatrixXd mean_weights(const ObservedBins& bins, const Eigen::VectorXd& nodes,
                             Measure measure, Logarithmic logarithmic) {
  const Eigen::Index last = nodes.size() - 1;
  Eigen::MatrixXd weights = Eigen::MatrixXd::Zero(bins.count(), nodes.size());
  for (Eigen::Index i = 0; i < bins.formed; ++i) {
    const double youngest = bins.youngest_gyr[i], oldest = bins.oldest_gyr[i];
    if (youngest < nodes[0]) weights(i, 0) += measure(youngest, std::min(oldest, nodes[0]));
    for (Eigen::Index k = 0; k < last; ++k) {
      const double p = std::max(youngest, nodes[k]), q = std::min(oldest, nodes[k + 1]);
      if (q <= p) continue;
      const double upper =
          (logarithmic(q, nodes[k]) - logarithmic(p, nodes[k])) / std::log(nodes[k + 1] / nodes[k]);
      weights(i, k + 1) += upper;
      weights(i, k) += measure(p, q) - upper;
    }
    if (oldest > nodes[last]) weights(i, last) += measure(std::max(youngest, nodes[last]), oldest);
    weights.row(i) /= oldest - youngest;
  }
  return weights;
}

} // namespace

Eigen::MatrixXd age_weights(const ObservedBins& bins, const Eigen::VectorXd& age_nodes_gyr) {
  const auto length = [](double p, double q) { return q - p; };
  return mean_weights(bins, age_nodes_gyr, length, log_integral);
}

Eigen::MatrixXd age_moment_weights(const ObservedBins& bins, const Eigen::VectorXd& age_nodes_gyr) {
  const auto moment = [](double p, double q) { return (q - p) * (q + p) / 2; };
  return mean_weights(bins, age_nodes_gyr, moment, t_log_integral);
}

} // namespace lookback::physics
