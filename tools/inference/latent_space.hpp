// The data in the latent space of the probability-flow map x(z) (flow_map.hpp). They confine
// z ~ N(0, 1) to a thin curved sheet, r = S(x(z)) - y of some units, and these are coordinates in
// which the sheet is straight (randomize-then-optimize: Bardsley et al. 2014, SIAM J. Sci. Comput.
// 36, A1895). With J0 = U s V^T the derivative dr/dz at a point of reference,
//   eta = (1 + J0^T J0)^(-1/2) (z + J0^T r),
// which is z across V, and along it (V^T z + s U^T r)/sqrt(1 + s^2), k numbers. If r is linear, the
// posterior N(z; 0, 1) exp(-|r|^2/2) is eta ~ N(0, 1). If not,
//   W = N(z; 0, 1) exp(-|r|^2/2) / (N(eta; 0, 1) |det deta/dz|)
// is what corrects N(eta; 0, 1). The determinant is one of k numbers squared, and takes k vectors
// through the map.
#pragma once

#include "tools/inference/flow_map.hpp"
#include "tools/inference/whitened_data.hpp"

#include <memory>

namespace lookback::tools {

// J0 = U s V^T of one chain, without the directions in which the data say next to nothing.
struct LatentFrame {
  Eigen::MatrixXd data;            // U, [size, k]
  Eigen::MatrixXd latent;          // V, [D, k]
  Eigen::VectorXd strength, width; // s and sqrt(1 + s^2)
};

using LatentFrames = std::vector<std::shared_ptr<const LatentFrame>>; // one a chain

// V V^T taken from z, and V^T z + s U^T r: eta but for the division by `width`.
struct LatentCoordinates {
  Eigen::VectorXd across, along; // [D], [k]
};

struct LatentPoint {
  std::shared_ptr<const LatentFrame> frame;
  Eigen::VectorXd z, x;
  LatentCoordinates at;
  Eigen::MatrixXd slope;          // d along/dz with V^T z held, s U^T dr/dz, [k, D]
  Eigen::MatrixXd inverse_square; // of d along/d(V^T z), [k, k]
  double log_weight = 0;          // ln W, but for a constant of the frame
};

class LatentSpace { // of the data; one column or element a chain everywhere
public:
  // Both must outlive it.
  LatentSpace(const FlowMap& map, const WhitenedData& data) : map_(map), data_(data) {}

  // Frames with their reference at z [D, n].
  LatentFrames frames(const Eigen::MatrixXd& z) const;
  std::vector<LatentPoint> points(const LatentFrames& frames, const Eigen::MatrixXd& z) const;

  // The z of given coordinates: the straight way there from each point is followed by Broyden's
  // steps, which the point's own derivatives begin. Empty where they do not converge, to
  // `tolerance` in eta.
  std::vector<Eigen::VectorXd> follow(const std::vector<LatentPoint>& from,
                                      const std::vector<LatentCoordinates>& to) const;
  static constexpr double tolerance = 0.01; // above the rounding of a network in float32

  // z near the inverse of x [D, n] whose x(z) fit the data: Gauss-Newton steps towards the maximum
  // of N(z; inverse, 1) exp(-|r|^2/2). The inverse alone errs by more than the data allow.
  Eigen::MatrixXd start(const Eigen::MatrixXd& x, int newton_steps = 8) const;

private:
  // (dr/dz)^T u for the columns of each chain's u [size, k].
  std::vector<Eigen::MatrixXd> pull_back(const Eigen::MatrixXd& x, const FlowMap::Path& path,
                                         const std::vector<Eigen::MatrixXd>& u) const;
  LatentCoordinates coordinates(const LatentFrame& frame, const Eigen::VectorXd& z,
                                const Eigen::VectorXd& x) const;

  const FlowMap& map_;
  const WhitenedData& data_;
};

} // namespace lookback::tools
