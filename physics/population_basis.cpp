#include "physics/population_basis.hpp"

#include "engine/error.hpp"

#include <algorithm>

namespace lookback::physics {

using Eigen::Index;
using Eigen::MatrixXd;

PopulationBasis::PopulationBasis(const MatrixXd& matrix, Index formed)
    : pixels_(matrix.rows()), formed_(formed), columns_(matrix.cols()) {
  const Index tiles = (pixels_ + tile_rows - 1) / tile_rows;
  tiles_ = MatrixXd::Zero(tile_rows, columns_ * tiles);
  for (Index t = 0; t < tiles; ++t) {
    const Index rows = std::min(tile_rows, pixels_ - t * tile_rows);
    tiles_.block(0, t * columns_, rows, columns_) = matrix.middleRows(t * tile_rows, rows);
  }
}

MatrixXd PopulationBasis::apply(const std::vector<NodePair>& pairs, Index n) const {
  require(static_cast<Index>(pairs.size()) == n * formed_, "basis: ", pairs.size(),
          " pairs of metallicities; expected ", n, " x ", formed_);
  using Tile = Eigen::Matrix<double, tile_rows, 1>;
  MatrixXd y(pixels_, n);
  for (Index first = 0; first < pixels_; first += tile_rows) {
    const Index rows = std::min(tile_rows, pixels_ - first);
    for (Index h = 0; h < n; ++h) {
      const NodePair* pair = pairs.data() + h * formed_;
      Tile sum = Tile::Zero();
      for (Index i = 0; i < formed_; ++i) {
        const Eigen::Map<const Tile> lower(tile_column(first / tile_rows, pair[i].lower, i));
        const Eigen::Map<const Tile> upper(tile_column(first / tile_rows, pair[i].upper, i));
        sum += pair[i].at_lower * lower + pair[i].at_upper * upper;
      }
      y.col(h).segment(first, rows) = sum.head(rows);
    }
  }
  return y;
}

MatrixXd PopulationBasis::dots(const std::vector<NodePair>& pairs, const MatrixXd& u) const {
  const Index n = u.cols();
  require(u.rows() == pixels_ && static_cast<Index>(pairs.size()) == n * formed_,
          "basis: cotangents are ", u.rows(), " x ", n, " with ", pairs.size(),
          " pairs of metallicities; expected ", pixels_, " rows and ", n, " x ", formed_);
  using Tile = Eigen::Matrix<double, tile_rows, 1>;
  MatrixXd result = MatrixXd::Zero(2 * formed_, n);
  for (Index first = 0; first < pixels_; first += tile_rows) {
    const Index rows = std::min(tile_rows, pixels_ - first);
    for (Index h = 0; h < n; ++h) {
      const NodePair* pair = pairs.data() + h * formed_;
      Tile part = Tile::Zero();
      part.head(rows) = u.col(h).segment(first, rows);
      for (Index i = 0; i < formed_; ++i) {
        const Eigen::Map<const Tile> lower(tile_column(first / tile_rows, pair[i].lower, i));
        const Eigen::Map<const Tile> upper(tile_column(first / tile_rows, pair[i].upper, i));
        result(2 * i, h) += lower.dot(part);
        result(2 * i + 1, h) += upper.dot(part);
      }
    }
  }
  return result;
}

void PopulationBasis::columns(Index bin, const NodePair& first, const NodePair& second,
                              Eigen::Ref<Eigen::VectorXd> first_out,
                              Eigen::Ref<Eigen::VectorXd> second_out) const {
  for (Index begin = 0; begin < pixels_; begin += tile_rows) {
    const Index rows = std::min(tile_rows, pixels_ - begin);
    const Index tile = begin / tile_rows;
    const Eigen::Map<const Eigen::VectorXd> lower(tile_column(tile, first.lower, bin), rows);
    const Eigen::Map<const Eigen::VectorXd> upper(tile_column(tile, first.upper, bin), rows);
    first_out.segment(begin, rows) = first.at_lower * lower + first.at_upper * upper;
    second_out.segment(begin, rows) = second.at_lower * lower + second.at_upper * upper;
  }
}

} // namespace lookback::physics
