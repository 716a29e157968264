// What the data say, whitened and compressed: numbers y = S(x) + noise of unit variance, as many as
// carry information. chi^2 of x is |y - S(x)|^2 and a constant.
#pragma once

#include <Eigen/Core>

namespace lookback::tools {

class WhitenedData { // immutable: one object serves many threads
public:
  virtual ~WhitenedData() = default;
  virtual Eigen::Index size() const = 0;
  virtual Eigen::VectorXd residual(const Eigen::VectorXd& x) const = 0; // y - S(x)
  virtual Eigen::MatrixXd jacobian(const Eigen::VectorXd& x) const = 0; // dS/dx, [size, D]
};

// y = A x + noise.
class LinearData : public WhitenedData {
public:
  LinearData(Eigen::MatrixXd a, Eigen::VectorXd y) : a_(std::move(a)), y_(std::move(y)) {}
  Eigen::Index size() const override { return y_.size(); }
  Eigen::VectorXd residual(const Eigen::VectorXd& x) const override { return y_ - a_ * x; }
  Eigen::MatrixXd jacobian(const Eigen::VectorXd&) const override { return a_; }

private:
  Eigen::MatrixXd a_;
  Eigen::VectorXd y_;
};

// The pixels behind compressed data: their whitened residuals [P] at x are rest + basis
// residual(x), the columns of the basis orthonormal and at right angles to the rest.
struct PixelBasis {
  Eigen::MatrixXd basis; // [P, size]
  Eigen::VectorXd rest;  // [P], what no history explains
};

} // namespace lookback::tools
