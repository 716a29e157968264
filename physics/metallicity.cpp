#include "physics/metallicity.hpp"

#include <algorithm>

namespace lookback::physics {

TwoNodes metallicity_nodes(double log_z_zsun, const Eigen::VectorXd& nodes) {
  const Eigen::Index last = nodes.size() - 1;
  if (log_z_zsun < nodes[0]) return {0, 0, 0, 0};
  if (log_z_zsun >= nodes[last]) return {last, last, 0, 0};
  const auto above = std::upper_bound(nodes.begin(), nodes.end(), log_z_zsun);
  const Eigen::Index upper = above - nodes.begin(), lower = upper - 1;
  const double slope = 1 / (nodes[upper] - nodes[lower]);
  return {lower, upper, (log_z_zsun - nodes[lower]) * slope, slope};
}

} // namespace lookback::physics
