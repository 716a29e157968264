// Samplers and the probability-flow ODE, step for step as score_models runs them.
#pragma once

#include "nn/score_matching.hpp"

#include <functional>

namespace lookback::nn {

// x[B, L, C], t -> grad_x log p_t(x)
using Score = std::function<Tensor(const Tensor& x, double t)>;
// Standard normal numbers of x's shape for step 0, 1, ...
using Noise = std::function<Tensor(int step)>;
// Called after every step with the number done; may throw to stop.
using Observer = std::function<void(int steps_done, const Tensor& x)>;

Score prior_score(const Ncsnpp& network, const VeSde& sde);

// The times at which score_models' sampler evaluates the score. Time runs in float32, t <- t -
// T/steps from T, and the loop ends when t < 0: rounding decides whether the last step is made (10,
// 20, 25, 250, ... steps lose it).
std::vector<float> euler_maruyama_times(int steps, double T = 1);

// The reverse SDE: x_mean = x + g^2 score dt, x = x_mean + g sqrt(dt) z; returns the last x_mean.
// Errors: a value that is not finite, named with its step.
Tensor euler_maruyama(const Score& score, const VeSde& sde, Tensor x, int steps, const Noise& noise,
                      const Observer& observer = {});

// The same with the score of the prior alone, noise of step i being `noise` with step = noise.step
// + i: the same bits. A whole step is one thing for the device to repeat. `observer` is called once
// a step is asked for; its x is the next step's to overwrite. Errors: a value that is not finite,
// looked for every `steps_between_checks` steps.
constexpr int steps_between_checks = 50;
Tensor sample_prior(const Ncsnpp& network, const VeSde& sde, const Tensor& x, int steps,
                    const Stream& noise, const Observer& observer = {});

enum class OdeMethod { euler, heun };

// dx/dt = -g^2 score / 2 from t_0 to t_1 in equal steps.
Tensor integrate_ode(const Score& score, const VeSde& sde, Tensor x, int steps, double t_0,
                     double t_1, OdeMethod method, const Observer& observer = {});

// ln p(x) in nats per sample by the ODE and Hutchinson's estimate of the divergence, one fresh
// vector (noise(0), noise(1), ...; signs of it if rademacher) a call. The Euler form takes the
// divergence at the new x and the old t, as score_models does.
std::vector<double> log_likelihood(const Ncsnpp& network, const VeSde& sde, Tensor x, int steps,
                                   OdeMethod method, const Noise& vectors);

} // namespace lookback::nn
