// A point estimate that the data alone make, for tests of calibration: the x of largest
// exp(-|y - S(x)|^2/2 - |x|^2/2), that is with N(0, 1) as the prior of every variable.
#pragma once

#include "tools/inference/whitened_data.hpp"

namespace lookback::tools {

// By damped Gauss-Newton steps from x = 0, to a maximum or the last of `steps`; [dimension].
Eigen::VectorXd most_probable(const WhitenedData& data, Eigen::Index dimension, int steps = 100);

} // namespace lookback::tools
