// The probability-flow ODE as a map from z ~ N(0, 1) to x (Song et al. 2021),
//   dx/dsigma = (x - m(x, sigma))/sigma,  x = sigma_max z at first,
// by Heun's method between noise levels in Karras's spacing: with any number of them a smooth
// one-to-one map, whose images of N(0, 1) are a prior of their own, nearer to the network's the
// more levels it has. x keeps noise of sigma_min.
#pragma once

#include "tools/inference/denoiser.hpp"

namespace lookback::tools {

class FlowMap {
public:
  // `denoiser` must outlive the map. Errors: fewer than 2 levels.
  FlowMap(const Denoiser& denoiser, double sigma_max, double sigma_min, int levels);

  // Where the denoiser was asked on the way, [D, n] each: at the levels, and at Euler's predictions
  // for the next one.
  struct Path {
    std::vector<Eigen::MatrixXd> at, predicted;
  };

  // z [D, n] -> x [D, n].
  Eigen::MatrixXd forward(const Eigen::MatrixXd& z, Path* path = nullptr) const;
  // The same ODE from sigma_min up: forward's inverse to the error of its steps.
  Eigen::MatrixXd inverse(const Eigen::MatrixXd& x) const;
  // (dx/dz)^T u of the map as it is, steps and all: u [D, k n], k vectors for each z in turn.
  Eigen::MatrixXd pull_back(const Path& path, const Eigen::MatrixXd& u) const;

  Eigen::Index dimension() const { return denoiser_.dimension(); }
  // Of the denoiser, in forward; as many of its derivative in pull_back.
  std::int64_t evaluations() const { return 2 * (std::int64_t(sigma_.size()) - 1); }

private:
  Eigen::MatrixXd slope(const Eigen::MatrixXd& x, double sigma) const;
  Eigen::MatrixXd slope_pull_back(const Eigen::MatrixXd& x, double sigma,
                                  const Eigen::MatrixXd& u) const;

  const Denoiser& denoiser_;
  std::vector<double> sigma_; // falling
};

} // namespace lookback::tools
