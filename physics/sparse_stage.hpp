// A linear stage whose outputs each look at few inputs, y = M x: resampling, broadening, bands.
// A column has the same bits alone and among others.
#pragma once

#include "physics/forward_model.hpp"

#include <Eigen/SparseCore>

namespace lookback::physics {

using SparseRows = Eigen::SparseMatrix<double, Eigen::RowMajor>;

class SparseStage : public LinearModel {
public:
  explicit SparseStage(SparseRows matrix) : matrix_(std::move(matrix)) {}

  const SparseRows& matrix() const { return matrix_; }

  Eigen::Index inputs() const override { return matrix_.cols(); }
  Eigen::Index outputs() const override { return matrix_.rows(); }
  Eigen::MatrixXd apply(const Eigen::MatrixXd& x) const override;
  Eigen::MatrixXd transpose(const Eigen::MatrixXd& y) const override;

private:
  SparseRows matrix_; // [outputs, inputs]
};

} // namespace lookback::physics
