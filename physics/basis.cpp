#include "physics/basis.hpp"

#include "engine/error.hpp"

#include <algorithm>

namespace lookback::physics {

using Eigen::Index;
using Eigen::MatrixXd;

namespace {

constexpr Index block_size = 32; // columns per product

template <class Matrix> MatrixXd blocked_product(const Matrix& matrix, const MatrixXd& x) {
  require(x.rows() == matrix.cols(), "basis: ", x.rows(), " rows; expected ", matrix.cols());
  MatrixXd result(matrix.rows(), x.cols());
  MatrixXd block(matrix.cols(), block_size), product(matrix.rows(), block_size);
  for (Index first = 0; first < x.cols(); first += block_size) {
    const Index count = std::min(block_size, x.cols() - first);
    block.leftCols(count) = x.middleCols(first, count);
    block.rightCols(block_size - count).setZero();
    product.noalias() = matrix * block;
    result.middleCols(first, count) = product.leftCols(count);
  }
  return result;
}

} // namespace

MatrixXd Basis::apply(const MatrixXd& x) const {
  return blocked_product(matrix_, x);
}
MatrixXd Basis::transpose(const MatrixXd& y) const {
  return blocked_product(matrix_.transpose(), y);
}

} // namespace lookback::physics
