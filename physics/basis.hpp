// A dense linear stage, y = P x, for batches of any size. Columns go through the matrix product in
// blocks of one fixed size, the last padded with zeros, so that the bits of one column depend
// neither on its neighbours nor on how many there are.
#pragma once

#include "physics/forward_model.hpp"

namespace lookback::physics {

class Basis : public LinearModel {
public:
  explicit Basis(Eigen::MatrixXd matrix) : matrix_(std::move(matrix)) {}

  const Eigen::MatrixXd& matrix() const { return matrix_; }

  Eigen::Index inputs() const override { return matrix_.cols(); }
  Eigen::Index outputs() const override { return matrix_.rows(); }
  Eigen::MatrixXd apply(const Eigen::MatrixXd& x) const override;
  Eigen::MatrixXd transpose(const Eigen::MatrixXd& y) const override;
  Eigen::MatrixXd jacobian(const Eigen::VectorXd&) const override { return matrix_; }

private:
  Eigen::MatrixXd matrix_; // [outputs, inputs]
};

} // namespace lookback::physics
