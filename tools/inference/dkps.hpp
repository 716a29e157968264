// Decoupled Kalman posterior sampling. At every noise level sigma, from 16 down,
//   1. the prior says what x is, given the noisy x_t: a few Gaussians N(m_k, V_k) of weight r_k;
//   2. the data are added: x is drawn from sum_k r_k N(x; m_k, V_k) exp(-|y - S(x)|^2/2);
//   3. noise of the next level is put on the draw, x_t = x + sigma' z,
// so that errors of 1 matter less and less: V_k is at most sigma^2. The draw of 2 is in the
// coordinates e of x = m_k + L_k e, L_k L_k^T = V_k: damped Gauss-Newton steps to the maximum e*,
// proposals about it that follow the thin curved sheet which the data allow (peak.hpp), k by
// its weight and evidence, and independence Metropolis moves with the exact S. Nothing is clipped,
// and the last level returns the draw, for its mean would lose widths below sigma_min. A chain may
// draw its noise too: given x, after every level. Decoupled noise annealing is that of Zhang et al.
// 2024 (arXiv:2407.01521).
#pragma once

#include "tools/inference/conditional_prior.hpp"
#include "tools/inference/noise_model.hpp"
#include "tools/inference/whitened_data.hpp"

#include <functional>

namespace lookback::tools {

struct DkpsOptions {
  double sigma_max = 16, sigma_min = 0.001;
  int levels = 50;
  int newton_steps = 3, moves = 4;
  std::uint64_t seed = 0;
};

struct LevelReport {   // means over chains
  double accepted = 0; // share of the Metropolis moves
  // (|y - S|^2 + |e|^2)/size at the maximum: how hard the data pull x from where the prior expects
  // it. Large where a galaxy is unlike all that the prior has seen.
  double pull = 0;
};

struct DkpsDraws {
  Eigen::MatrixXd x; // [D, chains]
  std::vector<LevelReport> levels;
  std::vector<ChainNoise> noise; // [chains] given x; none without a noise model
  double network_seconds = 0;    // of the time that passed; 0 on a GPU, where nothing waits for it
};

// sigma of every level: Karras et al. 2022, eq. 5 with rho = 7.
std::vector<double> karras_levels(double sigma_max, double sigma_min, int levels);

// sigma z for chains first ... first + count - 1, [D, count].
Eigen::MatrixXd starting_noise(Eigen::Index dimension, double sigma, std::uint64_t seed,
                               std::int64_t first, std::int64_t count);

// Steps 1 and 2 at one level: draws of x given x_t and the data, [D, n], `mean` the denoiser's at
// x_t.
Eigen::MatrixXd conditional_draws(ConditionalPrior& conditional, const WhitenedData& data,
                                  const Eigen::MatrixXd& x_t, const Eigen::MatrixXd& mean,
                                  std::size_t level, double sigma, std::int64_t first,
                                  const DkpsOptions& options, LevelReport* report = nullptr);

// Chains first ... first + count - 1 of a run: a chain's random numbers are keyed by its number, so
// it does not depend on which others run with it. `noise` is of the same data; without it their
// noise is as stated. Errors: a value that is not finite.
DkpsDraws sample_dkps(const Denoiser& denoiser, ConditionalPrior& conditional,
                      const WhitenedData& data, std::int64_t first, std::int64_t count,
                      const DkpsOptions& options, const std::function<void()>& level_done = {},
                      const NoiseModel* noise = nullptr);

} // namespace lookback::tools
