#include "physics/history_weights.hpp"

#include "engine/error.hpp"
#include "physics/metallicity.hpp"

namespace lookback::physics {

using Eigen::Index;
using Eigen::MatrixXd;

HistoryWeights::HistoryWeights(Index bins, Index formed, Eigen::VectorXd log_z_nodes)
    : bins_(bins), formed_(formed), log_z_nodes_(std::move(log_z_nodes)) {
  require(0 <= formed && formed <= bins, "history weights: ", formed, " of ", bins,
          " bins formed; expected no more than there are");
  require(log_z_nodes_.size() > 0, "history weights: no metallicities; expected at least one");
}

void HistoryWeights::check_histories(const MatrixXd& x) const {
  require(x.rows() == inputs(), "histories have ", x.rows(), " rows; expected ", inputs(),
          ", the SFR and the log Z of ", bins_, " bins");
}

MatrixXd HistoryWeights::value(const MatrixXd& x) const {
  check_histories(x);
  MatrixXd weights = MatrixXd::Zero(outputs(), x.cols());
  for (Index n = 0; n < x.cols(); ++n)
    for (Index i = 0; i < formed_; ++i) {
      const TwoNodes at = metallicity_nodes(x(bins_ + i, n), log_z_nodes_);
      weights(at.lower * formed_ + i, n) += x(i, n) * (1 - at.share);
      weights(at.upper * formed_ + i, n) += x(i, n) * at.share;
    }
  return weights;
}

MatrixXd HistoryWeights::jvp(const MatrixXd& x, const MatrixXd& d) const {
  check_histories(x);
  check_histories(d);
  require(x.cols() == d.cols(), "histories: ", x.cols(), " with ", d.cols(),
          " directions; expected as many of one as of the other");
  MatrixXd change = MatrixXd::Zero(outputs(), x.cols());
  for (Index n = 0; n < x.cols(); ++n)
    for (Index i = 0; i < formed_; ++i) {
      const TwoNodes at = metallicity_nodes(x(bins_ + i, n), log_z_nodes_);
      const double shift = x(i, n) * at.slope * d(bins_ + i, n);
      change(at.lower * formed_ + i, n) += d(i, n) * (1 - at.share) - shift;
      change(at.upper * formed_ + i, n) += d(i, n) * at.share + shift;
    }
  return change;
}

MatrixXd HistoryWeights::vjp(const MatrixXd& x, const MatrixXd& u) const {
  check_histories(x);
  require(u.rows() == outputs() && u.cols() == x.cols(), "history weights: the cotangent is ",
          u.rows(), " x ", u.cols(), "; expected ", outputs(), " x ", x.cols());
  MatrixXd gradient = MatrixXd::Zero(inputs(), x.cols());
  for (Index n = 0; n < x.cols(); ++n)
    for (Index i = 0; i < formed_; ++i) {
      const TwoNodes at = metallicity_nodes(x(bins_ + i, n), log_z_nodes_);
      const double lower = u(at.lower * formed_ + i, n), upper = u(at.upper * formed_ + i, n);
      gradient(i, n) = (1 - at.share) * lower + at.share * upper;
      gradient(bins_ + i, n) = x(i, n) * at.slope * (upper - lower);
    }
  return gradient;
}

} // namespace lookback::physics
