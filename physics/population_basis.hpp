// The basis P[pixel, j, i] of galaxy_model.hpp, multiplied with histories that touch two of its
// metallicities j in each formed bin i. Taking only those needs 2 of nZ columns, and P is kept in
// tiles of pixels that stay in cache while all histories pass over them. A history has the same
// bits alone and in any batch.
#pragma once

#include <Eigen/Core>
#include <vector>

namespace lookback::physics {

// One bin of one history: at_lower P[:, lower, i] + at_upper P[:, upper, i].
struct NodePair {
  Eigen::Index lower, upper;
  double at_lower, at_upper;
};

class PopulationBasis {
public:
  // matrix [pixels, nodes * formed], column node * formed + bin.
  PopulationBasis(const Eigen::MatrixXd& matrix, Eigen::Index formed);

  Eigen::Index pixels() const { return pixels_; }

  // pairs: formed_ of each of n histories, one after the other. Returns [pixels, n].
  Eigen::MatrixXd apply(const std::vector<NodePair>& pairs, Eigen::Index n) const;

  // [2 formed, n]: <P[:, lower, i], u> in rows 2 i, <P[:, upper, i], u> in rows 2 i + 1.
  Eigen::MatrixXd dots(const std::vector<NodePair>& pairs, const Eigen::MatrixXd& u) const;

  // One bin's two columns of a Jacobian, each [pixels]: first and second combine the same nodes.
  void columns(Eigen::Index bin, const NodePair& first, const NodePair& second,
               Eigen::Ref<Eigen::VectorXd> first_out, Eigen::Ref<Eigen::VectorXd> second_out) const;

private:
  static constexpr Eigen::Index tile_rows = 64;

  const double* tile_column(Eigen::Index tile, Eigen::Index node, Eigen::Index bin) const {
    return tiles_.data() + tile_rows * (tile * columns_ + node * formed_ + bin);
  }

  Eigen::Index pixels_, formed_, columns_;
  Eigen::MatrixXd tiles_; // [tile_rows, columns * tiles], zeros below the last pixel
};

} // namespace lookback::physics
