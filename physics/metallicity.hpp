// Interpolation between the metallicities of an SSP grid: linear in log10 Z between two nodes,
// clamped to the end nodes outside. The derivative is piecewise constant: right-hand at a node, and
// 0 below the first node and from the last node on.
#pragma once

#include <Eigen/Core>

namespace lookback::physics {

// f(log Z) = (1 - share) f[lower] + share f[upper];  df/dlogZ = slope (f[upper] - f[lower]).
struct TwoNodes {
  Eigen::Index lower, upper;
  double share; // of the upper node
  double slope; // d share / d log Z, per dex
};

// nodes [Z]: increasing.
TwoNodes metallicity_nodes(double log_z_zsun, const Eigen::VectorXd& nodes);

} // namespace lookback::physics
