#include "physics/whitening.hpp"

#include "engine/error.hpp"

#include <Eigen/SVD>

namespace lookback::physics {

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;

Whitening::Whitening(const VectorXd& variance, const MatrixXd& u) {
  require(variance.size() > 0 && variance.allFinite() && variance.minCoeff() > 0,
          "whitening: a noise variance is not a positive number, or there is none");
  weight_ = variance.cwiseSqrt().cwiseInverse();
  if (u.size() == 0) return;
  require(u.rows() == variance.size() && u.allFinite(), "whitening: the modes have ", u.rows(),
          " pixels; expected ", variance.size(), ", all finite");
  const MatrixXd scaled = weight_.asDiagonal() * u;
  const Eigen::BDCSVD<MatrixXd> svd(scaled, Eigen::ComputeThinU);
  q_ = svd.matrixU();
  taken_ = 1 - (1 + svd.singularValues().array().square()).rsqrt();
}

VectorXd Whitening::without_modes(const VectorXd& x) const {
  if (q_.size() == 0) return x;
  const VectorXd along = taken_.cwiseProduct(q_.transpose() * x);
  return x - q_ * along;
}

// Column by column, so that the bits of one do not depend on how many there are.
MatrixXd Whitening::apply(const MatrixXd& r) const {
  require(r.rows() == inputs(), "whitening: ", r.rows(), " pixels; expected ", inputs());
  MatrixXd y(r.rows(), r.cols());
  for (Index n = 0; n < r.cols(); ++n) y.col(n) = without_modes(weight_.cwiseProduct(r.col(n)));
  return y;
}

MatrixXd Whitening::transpose(const MatrixXd& y) const {
  require(y.rows() == inputs(), "whitening: ", y.rows(), " pixels; expected ", inputs());
  MatrixXd r(y.rows(), y.cols());
  for (Index n = 0; n < y.cols(); ++n) r.col(n) = weight_.cwiseProduct(without_modes(y.col(n)));
  return r;
}

} // namespace lookback::physics
