#include "tools/inference/flow_map.hpp"

#include "tools/inference/dkps.hpp"

#include <algorithm>

namespace lookback::tools {

using Eigen::Index;
using Eigen::MatrixXd;

FlowMap::FlowMap(const Denoiser& denoiser, double sigma_max, double sigma_min, int levels)
    : denoiser_(denoiser), sigma_(karras_levels(sigma_max, sigma_min, levels)) {}

MatrixXd FlowMap::slope(const MatrixXd& x, double sigma) const {
  return (x - denoiser_.mean(x, sigma)) / sigma;
}

// u may have several columns for each of x.
MatrixXd FlowMap::slope_pull_back(const MatrixXd& x, double sigma, const MatrixXd& u) const {
  constexpr Index at_once = 256; // columns that a network keeps its activations of
  const Index each = u.cols() / x.cols();
  MatrixXd result(u.rows(), u.cols());
  for (Index first = 0; first < u.cols(); first += at_once) {
    const Index count = std::min(at_once, u.cols() - first);
    MatrixXd repeated(x.rows(), count);
    for (Index i = 0; i < count; ++i) repeated.col(i) = x.col((first + i) / each);
    const MatrixXd part = u.middleCols(first, count);
    result.middleCols(first, count) = (part - denoiser_.vjp(repeated, sigma, part)) / sigma;
  }
  return result;
}

MatrixXd FlowMap::forward(const MatrixXd& z, Path* path) const {
  if (path) *path = {};
  MatrixXd x = sigma_.front() * z;
  for (std::size_t k = 0; k + 1 < sigma_.size(); ++k) {
    const double step = sigma_[k + 1] - sigma_[k];
    const MatrixXd here = slope(x, sigma_[k]), predicted = x + step * here;
    if (path) {
      path->at.push_back(x);
      path->predicted.push_back(predicted);
    }
    x += 0.5 * step * (here + slope(predicted, sigma_[k + 1]));
  }
  return x;
}

MatrixXd FlowMap::inverse(const MatrixXd& x) const {
  MatrixXd at = x;
  for (std::size_t k = sigma_.size() - 1; k > 0; --k) {
    const double step = sigma_[k - 1] - sigma_[k];
    const MatrixXd here = slope(at, sigma_[k]), predicted = at + step * here;
    at += 0.5 * step * (here + slope(predicted, sigma_[k - 1]));
  }
  return at / sigma_.front();
}

MatrixXd FlowMap::pull_back(const Path& path, const MatrixXd& u) const {
  MatrixXd g = u;
  for (std::size_t k = path.at.size(); k > 0; --k) {
    const double half = 0.5 * (sigma_[k] - sigma_[k - 1]);
    const MatrixXd of_predicted = slope_pull_back(path.predicted[k - 1], sigma_[k], half * g);
    const MatrixXd of_here = half * (g + 2 * of_predicted);
    g += of_predicted + slope_pull_back(path.at[k - 1], sigma_[k - 1], of_here);
  }
  return sigma_.front() * g;
}

} // namespace lookback::tools
