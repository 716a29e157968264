#include "bench/posterior/distance.hpp"

#include "bench/posterior/problem.hpp"
#include "tools/quality/distances.hpp"

#include <Eigen/Eigenvalues>

#include <algorithm>
#include <cmath>

namespace lookback::bench {

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;

namespace {

constexpr Index slices = 64;

std::vector<double> row(const MatrixXd& x, Index i) {
  const VectorXd values = x.row(i).transpose();
  return {values.begin(), values.end()};
}

} // namespace

Reference::Reference(const MatrixXd& draws, const VectorXd& mean, const MatrixXd& covariance)
    : mean_(mean) {
  const Eigen::SelfAdjointEigenSolver<MatrixXd> eigen(covariance);
  whiten_ = eigen.eigenvalues().cwiseMax(1e-300).cwiseSqrt().cwiseInverse().asDiagonal() *
            eigen.eigenvectors().transpose();
  directions_ = normals(slices, mean.size(), 9).rowwise().normalized();
  projected_ = directions_ * white(draws);
}

MatrixXd Reference::white(const MatrixXd& x) const {
  return whiten_ * (x.colwise() - mean_);
}

Distance Reference::distance(const MatrixXd& draws) const {
  const MatrixXd w = white(draws);
  const double n = double(w.cols());
  const VectorXd mean = w.rowwise().mean();
  const VectorXd variance = (w.colwise() - mean).rowwise().squaredNorm() / (n - 1);
  std::vector<double> ratios;
  for (const double v : variance) ratios.push_back(std::sqrt(v));
  std::nth_element(ratios.begin(), ratios.begin() + std::ptrdiff_t(ratios.size() / 2),
                   ratios.end());
  const double squared = (mean.array().square() - variance.array() / n).mean();
  const MatrixXd projected = directions_ * w;
  double sum = 0;
  for (Index i = 0; i < slices; ++i)
    sum += tools::wasserstein_distance(row(projected, i), row(projected_, i));
  return {std::sqrt(std::max(squared, 0.0)), ratios[ratios.size() / 2], sum / double(slices)};
}

} // namespace lookback::bench
