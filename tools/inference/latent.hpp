// Markov chains in the latent space of the probability-flow map. Their target, the posterior under
// the prior that the map itself makes of N(0, 1), is known without approximation. A move in the
// coordinates eta of latent_space.hpp is
//   eta' = sqrt(1 - b^2) eta + b w,  w ~ N(0, 1),
// accepted with probability min(1, W'/W); it is refused where the way back from z' does not end at
// z. A frame's coordinates end where the sheet is bent too far from it, so a chain has a few, made
// at points that it passed in the first half of the moves, and uses them in turn. Langevin's moves,
// of z with the metric (1 + J^T J)^-1 or of x at a low noise level, have steps of 1/1000 of the
// posterior's width for a spectrum of S/N 50; here b is near 1.
#pragma once

#include "tools/inference/latent_space.hpp"

#include <functional>

namespace lookback::tools {

struct LatentOptions {
  int moves = 50;
  // Each chain's b is tuned to an acceptance of 0.5 in the first half of the moves, then kept.
  double first_b = 0.5;
  std::uint64_t seed = 0;
};

struct LatentDraws {
  Eigen::MatrixXd x, z; // [D, chains], after the last move
  double accepted = 0;  // share, in the second half
  double b = 0;         // mean over chains
};

// Moves chains from z [D, n]. They are numbered from `first` and do not depend on their company.
// `kept` sees x after every move of the second half. Errors: a value that is not finite.
LatentDraws latent_moves(const LatentSpace& space, const Eigen::MatrixXd& z, std::int64_t first,
                         const LatentOptions& options,
                         const std::function<void(const Eigen::MatrixXd& x)>& kept = {},
                         const std::function<void()>& move_done = {});

} // namespace lookback::tools
