// Moves that leave the model's own posterior unchanged, whatever the method that made the draws was
// wrong about. The target is
//   p_sigma(x) exp(-|y - S(x)|^2/2),
// p_sigma the network's density at a small noise level sigma, below which its score cannot be
// relied on. A move is Langevin's, preconditioned with a covariance C,
//   x' = x + h/2 C grad ln target(x) + sqrt(h) C^(1/2) z,
// accepted by Metropolis and Hastings with the exact likelihood and
//   ln p_sigma(x') - ln p_sigma(x) = integral of the score along the segment,
// by Simpson's rule: exact where the density is the exponential of a polynomial of degree 4 along
// it. Two evaluations of the denoiser a move.
#pragma once

#include "tools/inference/denoiser.hpp"
#include "tools/inference/whitened_data.hpp"

#include <functional>

namespace lookback::tools {

struct LangevinOptions {
  double sigma = 0.03;
  int moves = 100;
  // h is tuned to an acceptance of 0.57 (Roberts & Rosenthal 1998) in the first half of the moves,
  // then kept.
  double first_h = 0.1;
  std::uint64_t seed = 0;
};

struct LangevinDraws {
  Eigen::MatrixXd x;                 // [D, chains], after the last move
  double accepted = 0;               // share, in the second half
  double h = 0;                      // of the second half
  std::vector<Eigen::MatrixXd> path; // x after every move of the second half
};

// `covariance` is C. Chains are numbered from `first`. Errors: a value that is not finite.
LangevinDraws langevin_moves(const Denoiser& denoiser, const WhitenedData& data,
                             const Eigen::MatrixXd& x, const Eigen::MatrixXd& covariance,
                             std::int64_t first, const LangevinOptions& options,
                             const std::function<void()>& move_done = {});

// (P + A^T A)^-1 with P the inverse of `prior` and A = dS/dx at x: the posterior's covariance where
// all is Gaussian.
Eigen::MatrixXd linearised_covariance(const Eigen::MatrixXd& prior, const WhitenedData& data,
                                      const Eigen::VectorXd& x);

// Of a scalar followed along chains, values[chains][moves]: the potential scale reduction with
// chains split in halves (Gelman et al. 2013, BDA3, 11.4), and the effective number of independent
// draws in all chains (Geyer's initial monotone sequence on the mean autocorrelation; Vehtari et
// al. 2021). Errors: fewer than 2 chains or 4 moves.
double split_r_hat(const std::vector<std::vector<double>>& values);
double effective_draws(const std::vector<std::vector<double>>& values);

} // namespace lookback::tools
