#include "physics/sparse_stage.hpp"

#include "engine/error.hpp"

namespace lookback::physics {

Eigen::MatrixXd SparseStage::apply(const Eigen::MatrixXd& x) const {
  require(x.rows() == inputs(), "stage: ", x.rows(), " values; expected ", inputs());
  return matrix_ * x;
}

Eigen::MatrixXd SparseStage::transpose(const Eigen::MatrixXd& y) const {
  require(y.rows() == outputs(), "stage: ", y.rows(), " values; expected ", outputs());
  return matrix_.transpose() * y;
}

} // namespace lookback::physics
