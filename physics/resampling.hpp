// Linear interpolation from one wavelength axis to another, as indices and shares:
//
//   y[p] = (1 - share[p]) x[lower[p]] + share[p] x[lower[p] + 1].
//
// Outside the source axis there is no data: y = 0 and inside = 0, never an extrapolation.
#pragma once

#include "physics/forward_model.hpp"

#include <cstdint>
#include <span>
#include <vector>

namespace lookback::physics {

class LinearResampler : public LinearModel {
public:
  // source: at least two values, increasing. target: any order.
  LinearResampler(const Eigen::VectorXd& source, std::span<const double> target);

  const std::vector<std::uint8_t>& inside() const { return inside_; } // [targets]

  Eigen::Index inputs() const override { return sources_; }
  Eigen::Index outputs() const override { return static_cast<Eigen::Index>(lower_.size()); }
  Eigen::MatrixXd apply(const Eigen::MatrixXd& x) const override;
  Eigen::MatrixXd transpose(const Eigen::MatrixXd& y) const override;

private:
  Eigen::Index sources_;
  std::vector<Eigen::Index> lower_; // [targets] 0 .. sources - 2
  std::vector<double> share_;       // [targets] of the upper neighbour, 0 .. 1
  std::vector<std::uint8_t> inside_;
};

} // namespace lookback::physics
