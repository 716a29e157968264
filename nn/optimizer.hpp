// Adam with warm-up, clipping and a moving average of the weights, as score_models' fit runs them.
#pragma once

#include "nn/params.hpp"

namespace lookback::nn {

struct OptimizerOptions {
  double learning_rate = 1e-4;
  std::int64_t warmup = 0; // steps
  double clip = 0;         // largest L2 norm of the gradient; 0: none
  double ema_decay = 0.9999;
  std::int64_t cosine_steps = 0; // the rate falls to 0 over so many, as half a cosine; 0: it stays

  // While step < warmup the rate is learning_rate step/warmup, starting from 0; score_models leaves
  // it at the last of these values for ever, and so do we. The cosine is a factor on all of it.
  double rate(std::int64_t step) const;
  // min(ema_decay, (1 + n)/(10 + n)), n = 1 at the first step (torch_ema).
  double decay(std::int64_t step) const;
};

struct Optimizer {
  Tensor gradient, moment_1, moment_2, average; // laid out as Params::flat
  std::int64_t step = 0;                        // steps done

  explicit Optimizer(const Params& params); // moments zero, average = the weights
  void clear_gradient() { gradient.backend().fill(gradient, 0); }
  // One step with the gradient gathered; returns the gradient's L2 norm before clipping.
  double update(const Params& params, const OptimizerOptions& options);
};

} // namespace lookback::nn
