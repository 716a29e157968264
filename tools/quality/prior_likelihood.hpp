// How probable histories are under a prior.
#pragma once

#include "nn/prior.hpp"
#include "tools/quality/prior_comparison.hpp"

namespace lookback::tools {

struct LikelihoodOptions {
  std::int64_t count = 0; // histories evaluated, the first of the set
  int steps = 100;        // Heun steps of the probability-flow ODE
  std::uint64_t seed = 0;
  std::function<void()> batch_done;
};
constexpr std::int64_t likelihood_batch = 64;

// Mean ln p per number, in nats, and its error: of the prior's own variables x, at noise sigma_min,
// by the probability-flow ODE with Hutchinson's estimate of the divergence. Errors: bins that
// differ.
Estimate nats_per_number(const nn::Prior& prior, const HistorySet& set,
                         const LikelihoodOptions& options);

} // namespace lookback::tools
