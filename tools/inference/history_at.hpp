// From the columns of Eigen to histories.
#pragma once

#include "nn/variables.hpp"

#include <Eigen/Core>

namespace lookback::tools {

// The history [2 L], rates above metallicities, at x[L, 2]; numbers that follow in x are left
// aside.
inline Eigen::VectorXd history_at(const Eigen::VectorXd& x,
                                  const nn::Normalization& normalization) {
  const auto h = nn::history_of({x.data(), normalization.mean.size()}, normalization, 2);
  return Eigen::VectorXd::Map(h.data(), Eigen::Index(h.size()));
}

} // namespace lookback::tools
