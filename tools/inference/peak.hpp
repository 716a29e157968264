// One Gaussian of the prior, N(m, L L^T), times the likelihood: in the coordinates e of x = m + L e
// the density exp(-|e|^2/2 - |y - S(x)|^2/2), its maximum e*, and draws from about it.
//
// The data confine e to a thin curved sheet, which a Gaussian at e* leaves. With dS/de = B V^T at
// e*, V^T V = 1, and W W^T = 1 + B^T B, the coordinates across = e - V V^T e and
//   along = W^-1 (V^T e - B^T (y - S))
// straighten it (randomize-then-optimize: Bardsley et al. 2014, SIAM J. Sci. Comput. 36, A1895): a
// proposal is the e of normal numbers across and along, found by Newton's method in the few
// directions V, with the slope of the last point that was not near enough to go by an older one's.
// For linear S that is the Gaussian at e*, and the density itself.
#pragma once

#include "tools/inference/chain_numbers.hpp"
#include "tools/inference/conditional_prior.hpp"
#include "tools/inference/whitened_data.hpp"

namespace lookback::tools {

class Peak {
public:
  // At most so many damped Gauss-Newton steps from e = 0. Both must outlive the peak.
  Peak(const WhitenedData& data, const ConditionalPart& part, int newton_steps);

  Eigen::VectorXd mode() const { return x(mode_); } // x at e*
  // ln of the part's weight times the integral of its density, by Laplace's approximation.
  double log_evidence() const;
  // (|y - S|^2 + |e|^2)/size at e*, for linear S the square of y - S(m) in its own standard
  // deviations: how hard the data pull at what the prior expects.
  double pull() const { return 2 * cost_ / double(data_.size()); }

  // A point, and ln of how much likelier it is than it is proposed, 0 for linear S; where Newton's
  // method does not arrive, the maximum and -infinity.
  struct Point {
    Eigen::VectorXd x;
    double log_ratio;
  };
  Point propose(ChainNumbers& numbers) const;

private:
  Eigen::VectorXd x(const Eigen::VectorXd& e) const;
  Eigen::MatrixXd climb(int newton_steps); // to e*; dS/de there, [size, D]
  void straighten(const Eigen::MatrixXd& j);
  // along less the number it should be, and its derivative [k, k] by a = V^T e.
  Eigen::VectorXd miss(const Eigen::VectorXd& a, const Eigen::VectorXd& residual,
                       const Eigen::VectorXd& along) const;
  Eigen::MatrixXd slope(const Eigen::VectorXd& x) const;

  const WhitenedData& data_;
  const ConditionalPart& part_;
  Eigen::VectorXd mode_; // e*
  double cost_;
  Eigen::MatrixXd latent_, latent_x_; // V and L V, [D, k]
  Eigen::MatrixXd data_by_latent_;    // B, [size, k]
  Eigen::MatrixXd width_;             // W, [k, k], lower triangular
};

} // namespace lookback::tools
