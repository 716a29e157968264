// Moves that leave the model's own posterior unchanged, whatever the method that made the draws was
// wrong about. The target is
//   p_sigma(x) exp(-|y - S(x)|^2/2),
// p_sigma the network's density at a small noise level sigma, below which its score cannot be
// relied on. A move is Langevin's, preconditioned with a covariance C of each chain's own,
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
  double sigma = 0.1;
  int moves = 100;
  // Each chain's h is tuned to an acceptance of 0.57 (Roberts & Rosenthal 1998) in the first half
  // of the moves, then kept.
  double first_h = 0.1;
  std::uint64_t seed = 0;
};

struct LangevinDraws {
  Eigen::MatrixXd x;   // [D, chains], after the last move
  double accepted = 0; // share, in the second half
};

// `covariances` are C of each column of x. Chains are numbered from `first` and do not depend on
// their company. `kept` sees x after every move of the second half. Errors: a value that is not
// finite, a covariance that is not positive definite.
LangevinDraws langevin_moves(const Denoiser& denoiser, const WhitenedData& data,
                             const Eigen::MatrixXd& x,
                             const std::vector<Eigen::MatrixXd>& covariances, std::int64_t first,
                             const LangevinOptions& options,
                             const std::function<void(const Eigen::MatrixXd& x)>& kept = {},
                             const std::function<void()>& move_done = {});

// The posterior's covariance about x, at noise level sigma, as curvatures tell it: (P + A^T A)^-1
// with P = (1 - J)/sigma^2 the prior's, J the denoiser's derivative at x and A = dS/dx. Variances
// of P^-1 are kept within sigma^2 and 100 (of a prior of variance 1).
Eigen::MatrixXd local_covariance(const Denoiser& denoiser, const WhitenedData& data,
                                 const Eigen::VectorXd& x, double sigma);

// Of a scalar followed along chains, values[chains][moves]: the potential scale reduction with
// chains split in halves (Gelman et al. 2013, BDA3, 11.4), and the effective number of independent
// draws in all chains (Geyer's initial monotone sequence on the mean autocorrelation; Vehtari et
// al. 2021). Errors: fewer than 2 chains or 4 moves.
double split_r_hat(const std::vector<std::vector<double>>& values);
double effective_draws(const std::vector<std::vector<double>>& values);

} // namespace lookback::tools
