// Decoupled Kalman posterior sampling. At every noise level sigma, from 16 down,
//   1. the prior says what x is, given the noisy x_t: a few Gaussians N(m_k, V_k) of weight r_k
//   whose
//      overall mean is the denoiser's;
//   2. the data are added: x is drawn from sum_k r_k N(x; m_k, V_k) exp(-|y - S(x)|^2/2);
//   3. noise of the next level is put on the draw, x_t = x + sigma' z,
// so that errors of 1 matter less and less: V_k is at most sigma^2. The draw of 2 is in the
// coordinates e of x = m_k + L_k e, L_k L_k^T = V_k: damped Gauss-Newton steps to the maximum e*,
// proposals from the Gaussian there, k by its weight and evidence, and independence Metropolis
// moves with the exact S. Nothing is clipped, and the last level returns the draw, for its mean
// would lose widths below sigma_min. A chain may draw its noise too: given x, after every level.
// Decoupled noise annealing is that of Zhang et al. 2024 (arXiv:2407.01521).
#pragma once

#include "tools/inference/denoiser.hpp"
#include "tools/inference/noise_model.hpp"
#include "tools/inference/whitened_data.hpp"

#include <functional>
#include <memory>

namespace lookback::tools {

// One of the Gaussians that make up x | x_t.
struct ConditionalPart {
  double weight;
  Eigen::VectorXd mean;                          // [D]
  std::shared_ptr<const Eigen::MatrixXd> factor; // L, lower triangular
};

class ConditionalPrior {
public:
  virtual ~ConditionalPrior() = default;
  // Called once a level, before any chain's turn.
  virtual void prepare(double sigma) = 0;
  // `mean` is the denoiser's at x_t.
  virtual std::vector<ConditionalPart> parts(const Eigen::VectorXd& x_t, double sigma,
                                             const Eigen::VectorXd& mean) const = 0;
};

// Weights, distances and covariances of a mixture fitted to the same prior, in closed form; the
// network moves them all to its own mean.
class MixtureConditional : public ConditionalPrior {
public:
  explicit MixtureConditional(GaussianMixture mixture) : mixture_(std::move(mixture)) {}
  void prepare(double sigma) override;
  std::vector<ConditionalPart> parts(const Eigen::VectorXd& x_t, double sigma,
                                     const Eigen::VectorXd& mean) const override;

private:
  GaussianMixture mixture_;
  std::vector<std::shared_ptr<const Eigen::MatrixXd>> factors_;
};

// One Gaussian, its covariance sigma^2 times the denoiser's own Jacobian with eigenvalues cut to
// (0, 1]: D vector-Jacobian products a chain and level.
class JacobianConditional : public ConditionalPrior {
public:
  explicit JacobianConditional(const Denoiser& denoiser) : denoiser_(denoiser) {}
  void prepare(double) override {}
  std::vector<ConditionalPart> parts(const Eigen::VectorXd& x_t, double sigma,
                                     const Eigen::VectorXd& mean) const override;

private:
  const Denoiser& denoiser_;
};

// One Gaussian of the same variance in all directions, sigma^2/(1 + sigma^2), that of a standard
// normal prior. Right where the noise is far below all widths of the prior.
class IsotropicConditional : public ConditionalPrior {
public:
  explicit IsotropicConditional(Eigen::Index dimension) : dimension_(dimension) {}
  void prepare(double sigma) override;
  std::vector<ConditionalPart> parts(const Eigen::VectorXd& x_t, double sigma,
                                     const Eigen::VectorXd& mean) const override;

private:
  Eigen::Index dimension_;
  std::shared_ptr<const Eigen::MatrixXd> factor_;
};

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
