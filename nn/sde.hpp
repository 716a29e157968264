// The variance-exploding SDE (Song et al. 2021, eq. 30 ff.) with score_models' conventions: drift
// 0, sigma(t) = sigma_min (sigma_max/sigma_min)^(t/T), diffusion g(t) = sigma(t) sqrt(2
// ln(sigma_max/sigma_min)) (no 1/sqrt T), x_t = x_0 + sigma(t) z, prior at T: N(0, sigma_max^2).
#pragma once

#include <cmath>
#include <numbers>

namespace lookback::nn {

struct VeSde {
  double sigma_min = 0.001, sigma_max = 16, T = 1;

  double sigma(double t) const { return sigma_min * std::pow(sigma_max / sigma_min, t / T); }
  double diffusion(double t) const {
    return sigma(t) * std::sqrt(2 * std::log(sigma_max / sigma_min));
  }
  double time_of(double sigma) const {
    return T * std::log(sigma / sigma_min) / std::log(sigma_max / sigma_min);
  }

  // ln N(x; 0, sigma_max^2) summed over n elements with sum of squares `squared_norm`, in nats.
  double prior_log_density(double squared_norm, double n) const {
    return -0.5 * (squared_norm / (sigma_max * sigma_max) +
                   n * std::log(2 * std::numbers::pi * sigma_max * sigma_max));
  }
};

} // namespace lookback::nn
