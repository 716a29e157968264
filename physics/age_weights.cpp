#include "physics/age_weights.hpp"

#include "physics/cosmology.hpp"

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

double length(double p, double q) {
  return q - p;
}
double log_ratio(double lower, double upper) {
  return std::log(upper / lower);
}

// Between nodes t_k and t_k+1 the share of the upper one is d(t_k, t) / d(t_k, t_k+1), d the
// distance in ln(age) or age; integrating measure(t) times that over [p, q] gives its weight, and
// the rest goes to the lower node. `measure(p, q)` integrates the weight function itself, `moment`
// its product with d(node, t).
template <class Measure, class Moment, class Distance>
Eigen::MatrixXd mean_weights(const ObservedBins& bins, const Eigen::VectorXd& nodes,
                             Measure measure, Moment moment, Distance distance) {
  const Eigen::Index last = nodes.size() - 1;
  Eigen::MatrixXd weights = Eigen::MatrixXd::Zero(bins.count(), nodes.size());
  for (Eigen::Index i = 0; i < bins.formed; ++i) {
    const double youngest = bins.youngest_gyr[i], oldest = bins.oldest_gyr[i];
    if (youngest < nodes[0]) weights(i, 0) += measure(youngest, std::min(oldest, nodes[0]));
    for (Eigen::Index k = 0; k < last; ++k) {
      const double p = std::max(youngest, nodes[k]), q = std::min(oldest, nodes[k + 1]);
      if (q <= p) continue;
      const double upper =
          (moment(q, nodes[k]) - moment(p, nodes[k])) / distance(nodes[k], nodes[k + 1]);
      weights(i, k + 1) += upper;
      weights(i, k) += measure(p, q) - upper;
    }
    if (oldest > nodes[last]) weights(i, last) += measure(std::max(youngest, nodes[last]), oldest);
    weights.row(i) /= oldest - youngest;
  }
  return weights;
}

Eigen::MatrixXd centre_weights(const ObservedBins& bins, const Eigen::VectorXd& nodes) {
  Eigen::MatrixXd weights = Eigen::MatrixXd::Zero(bins.count(), nodes.size());
  for (Eigen::Index i = 0; i < bins.formed; ++i)
    weights.row(i) = weights_at_age((bins.youngest_gyr[i] + bins.oldest_gyr[i]) / 2, nodes);
  return weights;
}

Eigen::MatrixXd linear_weights(const ObservedBins& bins, const Eigen::VectorXd& nodes) {
  const auto moment = [](double t, double node) { return (t - node) * (t - node) / 2; };
  return mean_weights(bins, nodes, length, moment, length);
}

Eigen::MatrixXd even_weights(const ObservedBins& bins, const Eigen::VectorXd& nodes) {
  constexpr Eigen::Index count = 512;
  Eigen::VectorXd even = Eigen::VectorXd::LinSpaced(count, 0, age_gyr(0));
  even[0] = std::min(nodes[0], even[1] / 2); // below the youngest node the flux is constant
  Eigen::MatrixXd at_even(count, nodes.size());
  for (Eigen::Index k = 0; k < count; ++k) at_even.row(k) = weights_at_age(even[k], nodes);
  return linear_weights(bins, even) * at_even;
}

} // namespace

Eigen::VectorXd weights_at_age(double age_gyr, const Eigen::VectorXd& nodes) {
  const Eigen::Index last = nodes.size() - 1;
  Eigen::VectorXd weights = Eigen::VectorXd::Zero(nodes.size());
  const Eigen::Index upper = std::upper_bound(nodes.begin(), nodes.end(), age_gyr) - nodes.begin();
  if (upper == 0 || upper > last) {
    weights[std::min(upper, last)] = 1;
    return weights;
  }
  const double share =
      std::log(age_gyr / nodes[upper - 1]) / std::log(nodes[upper] / nodes[upper - 1]);
  weights[upper - 1] = 1 - share;
  weights[upper] = share;
  return weights;
}

Eigen::MatrixXd age_weights(const ObservedBins& bins, const Eigen::VectorXd& age_nodes_gyr,
                            AgeRule rule) {
  if (rule == AgeRule::bin_centre) return centre_weights(bins, age_nodes_gyr);
  if (rule == AgeRule::linear_in_age) return linear_weights(bins, age_nodes_gyr);
  if (rule == AgeRule::even_512) return even_weights(bins, age_nodes_gyr);
  return mean_weights(bins, age_nodes_gyr, length, log_integral, log_ratio);
}

Eigen::MatrixXd age_moment_weights(const ObservedBins& bins, const Eigen::VectorXd& age_nodes_gyr) {
  const auto moment = [](double p, double q) { return (q - p) * (q + p) / 2; };
  return mean_weights(bins, age_nodes_gyr, moment, t_log_integral, log_ratio);
}

} // namespace lookback::physics
