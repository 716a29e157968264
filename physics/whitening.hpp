// Residuals of covariance C = D + U U^T turned into independent ones of variance 1, W C W^T = 1:
//
//   W = (1 - Q diag(1 - 1 / sqrt(1 + s^2)) Q^T) D^-1/2,     D^-1/2 U = Q diag(s) R^T,
//
// so that W^T W = C^-1 and |W r|^2 is chi^2 with the modes U (calibration.hpp) marginalised. A
// method that knows only independent pixels is then right with calibration errors too. The root is
// the symmetric one: without modes W is D^-1/2, and a whitened pixel stays near its own wavelength.
#pragma once

#include "physics/forward_model.hpp"

namespace lookback::physics {

class Whitening : public LinearModel {
public:
  // variance [P] positive; U [P, K], or empty. Errors: sizes that differ, a variance that is not
  // positive, values that are not finite.
  explicit Whitening(const Eigen::VectorXd& variance, const Eigen::MatrixXd& u = {});

  Eigen::Index inputs() const override { return weight_.size(); }
  Eigen::Index outputs() const override { return weight_.size(); }
  Eigen::MatrixXd apply(const Eigen::MatrixXd& r) const override;
  Eigen::MatrixXd transpose(const Eigen::MatrixXd& y) const override;

private:
  Eigen::VectorXd without_modes(const Eigen::VectorXd& x) const;

  Eigen::VectorXd weight_; // D^-1/2
  Eigen::MatrixXd q_;      // [P, K]
  Eigen::VectorXd taken_;  // [K] 1 - 1 / sqrt(1 + s^2)
};

} // namespace lookback::physics
