// What a run of the chains will take, from timing a few of them.
#pragma once

#include "nn/prior.hpp"
#include "nn/sampler.hpp"
#include "tools/inference/chains.hpp"

namespace lookback::tools {

struct Cost {
  double seconds; // of all chains, `evaluations` scores each
  double bytes;   // of main memory at the peak
};

// Times evaluations of the score on up to 16 chains a thread, all but the first, which allocates.
// Time and memory grow in proportion to the chains.
Cost predicted_cost(const nn::Prior& prior, const nn::Score& score, const ChainOptions& options,
                    std::int64_t evaluations);

} // namespace lookback::tools
