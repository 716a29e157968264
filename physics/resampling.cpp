#include "physics/resampling.hpp"

#include "engine/error.hpp"

#include <algorithm>

namespace lookback::physics {

using Eigen::Index;
using Eigen::MatrixXd;

LinearResampler::LinearResampler(const Eigen::VectorXd& source, std::span<const double> target)
    : sources_(source.size()) {
  require(sources_ >= 2, "resampling: the source axis has ", sources_,
          " values; expected at least 2");
  for (const double t : target) {
    const bool inside = t >= source[0] && t <= source[sources_ - 1];
    const auto above = std::upper_bound(source.begin(), source.end(), t);
    const auto k = std::clamp<Index>(above - source.begin() - 1, 0, sources_ - 2);
    lower_.push_back(k);
    share_.push_back(inside ? (t - source[k]) / (source[k + 1] - source[k]) : 0);
    inside_.push_back(inside);
  }
}

MatrixXd LinearResampler::apply(const MatrixXd& x) const {
  require(x.rows() == inputs(), "resampling: ", x.rows(), " values; expected ", inputs());
  MatrixXd y = MatrixXd::Zero(outputs(), x.cols());
  for (Index n = 0; n < x.cols(); ++n)
    for (Index p = 0; p < outputs(); ++p)
      if (inside_[p]) y(p, n) = (1 - share_[p]) * x(lower_[p], n) + share_[p] * x(lower_[p] + 1, n);
  return y;
}

MatrixXd LinearResampler::transpose(const MatrixXd& y) const {
  require(y.rows() == outputs(), "resampling: ", y.rows(), " values; expected ", outputs());
  MatrixXd x = MatrixXd::Zero(inputs(), y.cols());
  for (Index n = 0; n < y.cols(); ++n)
    for (Index p = 0; p < outputs(); ++p) {
      if (!inside_[p]) continue;
      x(lower_[p], n) += (1 - share_[p]) * y(p, n);
      x(lower_[p] + 1, n) += share_[p] * y(p, n);
    }
  return x;
}

} // namespace lookback::physics
