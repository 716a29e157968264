#include "nn/optimizer.hpp"

#include <cmath>
#include <numbers>

namespace lookback::nn {

double OptimizerOptions::rate(std::int64_t step) const {
  double rate = learning_rate;
  if (warmup > 0) rate *= double(std::min(step, warmup - 1)) / double(warmup);
  if (cosine_steps > 0)
    rate *=
        0.5 + 0.5 * std::cos(std::numbers::pi * std::min(1.0, double(step) / double(cosine_steps)));
  return rate;
}

double OptimizerOptions::decay(std::int64_t step) const {
  const double n = double(step + 1);
  return std::min(ema_decay, (1 + n) / (10 + n));
}

Optimizer::Optimizer(const Params& params)
    : gradient(empty_like(params.flat())), moment_1(empty_like(gradient)),
      moment_2(empty_like(gradient)), average(empty_like(gradient)) {
  Backend& backend = gradient.backend();
  backend.fill(moment_1, 0);
  backend.fill(moment_2, 0);
  backend.copy(params.flat(), average);
}

double Optimizer::update(const Params& params, const OptimizerOptions& options) {
  Backend& backend = gradient.backend();
  Tensor norm_squared({1}, gradient.dtype(), backend);
  backend.squared_norm(gradient.reshaped({1, gradient.size()}), norm_squared);
  AdamStep adam;
  adam.learning_rate = options.rate(step);
  adam.bias_correction_1 = 1 - std::pow(adam.beta_1, double(step + 1));
  adam.bias_correction_2 = 1 - std::pow(adam.beta_2, double(step + 1));
  adam.clip_norm = options.clip;
  adam.ema_decay = options.decay(step);
  backend.adam(adam, gradient, norm_squared, moment_1, moment_2, params.flat(), average);
  ++step;
  return std::sqrt(norm_squared.numbers()[0]);
}

} // namespace lookback::nn
