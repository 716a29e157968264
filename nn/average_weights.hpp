// While it lives, a prior in training evaluates with the moving average of its weights.
#pragma once

#include "nn/prior.hpp"

namespace lookback::nn {

class AverageWeights {
public:
  // Both must outlive it.
  AverageWeights(Prior& prior, const TrainingState& state)
      : weights_(prior.network->params().flat()), raw_(empty_like(weights_)) {
    weights_.backend().copy(weights_, raw_);
    weights_.backend().copy(state.optimizer.average, weights_);
  }
  ~AverageWeights() { weights_.backend().copy(raw_, weights_); }
  AverageWeights(const AverageWeights&) = delete;
  AverageWeights& operator=(const AverageWeights&) = delete;

private:
  const Tensor& weights_;
  Tensor raw_;
};

} // namespace lookback::nn
