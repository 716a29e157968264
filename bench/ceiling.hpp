// What this machine's matrix product reaches: the measure that the network's rates are shares of.
#pragma once

#include "engine/parallel.hpp"

#include <Eigen/Core>
#include <chrono>
#include <vector>

namespace lookback::bench {

// GFLOP/s of Eigen's float32 product of 768 x 768 matrices, one on each thread; the best of 10.
inline double product_gflops() {
  constexpr Eigen::Index n = 768;
  const Eigen::MatrixXf a = Eigen::MatrixXf::Random(n, n), b = Eigen::MatrixXf::Random(n, n);
  std::vector<Eigen::MatrixXf> c(std::size_t(threads()), Eigen::MatrixXf(n, n));
  double best = 0;
  for (int repeat = 0; repeat < 10; ++repeat) {
    const auto start = std::chrono::steady_clock::now();
    parallel_for(threads(), [&](std::int64_t t) { c[std::size_t(t)].noalias() = a * b; });
    const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
    best = std::max(best, 2e-9 * double(n * n * n) * threads() / seconds.count());
  }
  return best;
}

} // namespace lookback::bench
