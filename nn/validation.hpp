// Loss on histories that training does not see, by noise level.
#pragma once

#include "nn/prior.hpp"

namespace lookback::nn {

inline constexpr int validation_levels = 8;

// t of level k: the middle of the k-th of `validation_levels` equal parts of [0, T].
double validation_time(const VeSde& sde, int level);

// Mean of |z + r(t, x_0 + sigma(t) z)|^2 / (L C) over data[N, L, C], standardised, for every level:
// 1 where the network has learned nothing. Evaluated with the moving average of `state`; the
// prior's raw weights are as before on return. The noise depends on the seed alone, so that values
// of different steps compare.
std::vector<double> validation_losses(Prior& prior, const TrainingState& state,
                                      std::span<const float> data, std::uint64_t seed);

} // namespace lookback::nn
