// Runs a sampler over many chains in batches. A chain's random numbers are keyed by its own number,
// so its result does not depend on the size of the batches.
#pragma once

#include "nn/prior.hpp"
#include "nn/sampler.hpp"

#include <Eigen/Core>
#include <functional>

namespace lookback::tools {

struct ChainOptions {
  std::int64_t count = 128; // chains
  int steps = 1000;         // or noise levels
  std::int64_t batch = 128; // chains at a time
  std::uint64_t seed = 0;
};

// Calls draw(first, count) for each batch of chains; the x [2 L, count] it returns, of samples x[L,
// 2], become histories in physical units: one column a chain, rows 0 .. L-1 SFR [Msun/yr], rows L
// .. 2L-1 log10(Z/Zsun). Rows of x after the 2 L stay as they are. Errors: a prior of other
// channels.
Eigen::MatrixXd histories_in_batches(
    const nn::Prior& prior, const ChainOptions& options,
    const std::function<Eigen::MatrixXd(std::int64_t first, std::int64_t count)>& draw);

// Euler-Maruyama chains from N(0, sigma_max^2) under `score`, as histories. `step_done` is called
// once a step of a batch.
Eigen::MatrixXd run_chains(const nn::Prior& prior, const nn::Score& score,
                           const ChainOptions& options, const std::function<void()>& step_done);

// The same under the prior's score alone, the same bits: a step is one thing for a GPU to repeat.
Eigen::MatrixXd run_prior(const nn::Prior& prior, const ChainOptions& options,
                          const std::function<void()>& step_done);

// Draws of x [D, count] from the prior by Heun's method on the probability-flow ODE between the
// noise levels of karras_levels (Karras et al. 2022, algorithm 1), 2 steps - 1 evaluations a chain,
// for chains first ... first + count - 1; and the same as histories as above.
Eigen::MatrixXd heun_draws(const nn::Prior& prior, const ChainOptions& options, std::int64_t first,
                           std::int64_t count, const std::function<void()>& step_done);
Eigen::MatrixXd run_heun(const nn::Prior& prior, const ChainOptions& options,
                         const std::function<void()>& step_done);

} // namespace lookback::tools
