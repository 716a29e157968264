// The likelihood of residuals r whose covariance is diagonal plus few directions,
//
//   C(s) = D + U U^T + s^2 A A^T,   log L = -(r^T C^-1 r + log det C + P log 2 pi) / 2,
//
// D the noise variance, U [P, K] the modes of calibration (calibration.hpp), A [P, N] the Jacobian
// that carries a diffusion's noise of level s into the spectrum. By Woodbury's identity everything
// happens in N + K dimensions: with C0 = D + U U^T and A^T C0^-1 A = Q diag(g) Q^T, found once,
//
//   A^T C^-1 r = Q (1 + s^2 g)^-1 Q^T A^T C0^-1 r,
//   C^-1 r     = C0^-1 r - s^2 C0^-1 A (A^T C^-1 r),
//   log det C  = log det C0 + sum log(1 + s^2 g),
//
// so that another noise level costs N^2. Gram matrix and decomposition are float64: in float32
// they fail by tens of per cent at s = 10 and S/N 30.
#pragma once

#include <Eigen/Cholesky>
#include <Eigen/Core>

namespace lookback::physics {

class GaussianLikelihood { // immutable after construction
public:
  // variance [P] positive; A [P, N] and U [P, K] may be empty. Errors: sizes that differ, a
  // variance that is not positive, values that are not finite.
  explicit GaussianLikelihood(Eigen::VectorXd variance, Eigen::MatrixXd a = {},
                              Eigen::MatrixXd u = {});

  Eigen::Index pixels() const { return variance_.size(); }

  // Residuals r are [P, n], one column a sample; s >= 0.
  Eigen::VectorXd log_likelihood(const Eigen::MatrixXd& r, double s) const; // [n]
  Eigen::MatrixXd solve(const Eigen::MatrixXd& r, double s) const; // C^-1 r, [P, n]: the score
                                                                   // with respect to the model
  Eigen::MatrixXd pulled_back(const Eigen::MatrixXd& r, double s) const; // A^T C^-1 r, [N, n]
  double log_determinant(double s) const;

  // d log L / d s at fixed A, [n].
  Eigen::VectorXd by_level(const Eigen::MatrixXd& r, double s) const;

  // d log L / d U, [P, K], for one residual: C^-1 r r^T C^-1 U - C^-1 U. Where U = diag(m) V, the
  // model's gradient gains its row sums weighted by V.
  Eigen::MatrixXd by_modes(const Eigen::VectorXd& r, double s) const;

private:
  Eigen::MatrixXd solve_fixed(const Eigen::MatrixXd& r) const; // C0^-1 r
  Eigen::MatrixXd projected(const Eigen::MatrixXd& r) const;   // Q^T A^T C0^-1 r

  Eigen::VectorXd variance_;
  Eigen::MatrixXd u_, weighted_u_;      // U, D^-1 U
  Eigen::LLT<Eigen::MatrixXd> inner_u_; // of 1 + U^T D^-1 U
  Eigen::MatrixXd fixed_a_;             // C0^-1 A
  Eigen::MatrixXd q_;                   // [N, N]
  Eigen::VectorXd g_;                   // [N], 0 or more
  double fixed_log_determinant_ = 0;    // of C0
};

} // namespace lookback::physics
