// Random numbers of one chain at one step, one after the other. They are keyed by the chain's own
// number, so a chain does not depend on which others run with it.
#pragma once

#include "engine/random.hpp"

#include <Eigen/Core>
#include <cstdint>

namespace lookback::tools {

struct ChainNumbers {
  Stream stream;
  std::uint64_t used = 0;

  ChainNumbers(std::uint64_t seed, std::int64_t chain, std::int64_t step, Purpose purpose)
      : stream{.seed = seed,
               .purpose = purpose,
               .draw = std::uint32_t(chain),
               .step = std::uint32_t(step)} {}

  Eigen::VectorXd normal(Eigen::Index n) {
    Eigen::VectorXd z(n);
    for (double& each : z) each = stream.normal(used++);
    return z;
  }
  double uniform() {
    const std::uint64_t block = (used + 3) / 4; // a fresh one: normals and uniforms share no words
    used = 4 * (block + 1);
    return stream.uniform(4 * block);
  }
};

// Standard normal z [n, count] of chains first ... first + count - 1.
inline Eigen::MatrixXd chain_normals(Eigen::Index n, std::int64_t first, std::int64_t count,
                                     std::uint64_t seed, std::int64_t step, Purpose purpose) {
  Eigen::MatrixXd z(n, count);
  for (Eigen::Index i = 0; i < count; ++i)
    z.col(i) = ChainNumbers(seed, first + i, step, purpose).normal(n);
  return z;
}

} // namespace lookback::tools
