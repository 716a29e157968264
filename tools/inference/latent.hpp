// Markov chains in the latent space of the probability-flow map. Their target, the posterior under
// the prior that the map itself makes of N(0, 1), is known without approximation. A move in the
// coordinates eta of latent_space.hpp is
//   eta' = sqrt(1 - b^2) eta + b w,  w ~ N(0, 1),
// accepted with probability min(1, W'/W); it is refused where the way back from z' does not end at
// z. Plain moves of z would have to be as small as the sheet is thin: Langevin's with the metric
// (1 + J^T J)^-1 took some thousand for one of these.
#pragma once

#include "tools/inference/latent_space.hpp"

#include <functional>

namespace lookback::tools {

struct LatentOptions {
  int moves = 50;
  double first_b = 0.5; // of each chain; tuned in the first half of the moves, then kept
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
