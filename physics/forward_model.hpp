// What every stage of the way from history to spectrum can do: its value and the products of its
// Jacobian J with vectors from either side. Derivatives are written by hand beside each formula and
// checked by <u, J d> = <J^T u, d>. Batches are columns.
#pragma once

#include <Eigen/Core>
#include <memory>
#include <vector>

namespace lookback::physics {

class ForwardModel { // stages are immutable: one object serves many threads
public:
  virtual ~ForwardModel() = default;

  virtual Eigen::Index inputs() const = 0;
  virtual Eigen::Index outputs() const = 0;

  // x and d are [inputs, n]; u is [outputs, n].
  virtual Eigen::MatrixXd value(const Eigen::MatrixXd& x) const = 0; // [outputs, n]
  virtual Eigen::MatrixXd jvp(const Eigen::MatrixXd& x,
                              const Eigen::MatrixXd& d) const = 0; // J(x) d, [outputs, n]
  virtual Eigen::MatrixXd vjp(const Eigen::MatrixXd& x,
                              const Eigen::MatrixXd& u) const = 0; // J(x)^T u, [inputs, n]

  // [outputs, inputs] at one point, from as few products as possible unless a stage knows better.
  virtual Eigen::MatrixXd jacobian(const Eigen::VectorXd& x) const;
};

// y = A x, whose Jacobian is A at every x.
class LinearModel : public ForwardModel {
public:
  virtual Eigen::MatrixXd apply(const Eigen::MatrixXd& x) const = 0;     // A x
  virtual Eigen::MatrixXd transpose(const Eigen::MatrixXd& y) const = 0; // A^T y

  Eigen::MatrixXd value(const Eigen::MatrixXd& x) const final { return apply(x); }
  Eigen::MatrixXd jvp(const Eigen::MatrixXd&, const Eigen::MatrixXd& d) const final {
    return apply(d);
  }
  Eigen::MatrixXd vjp(const Eigen::MatrixXd&, const Eigen::MatrixXd& u) const final {
    return transpose(u);
  }
};

// Each element times its own factor.
class Scaling : public LinearModel {
public:
  explicit Scaling(Eigen::VectorXd factor) : factor_(std::move(factor)) {}

  Eigen::Index inputs() const override { return factor_.size(); }
  Eigen::Index outputs() const override { return factor_.size(); }
  Eigen::MatrixXd apply(const Eigen::MatrixXd& x) const override;
  Eigen::MatrixXd transpose(const Eigen::MatrixXd& y) const override { return apply(y); }

private:
  Eigen::VectorXd factor_;
};

// Stages one after the other. Errors: a stage whose inputs are not the outputs of the one before.
class Chain : public ForwardModel {
public:
  explicit Chain(std::vector<std::shared_ptr<const ForwardModel>> stages);

  Eigen::Index inputs() const override { return stages_.front()->inputs(); }
  Eigen::Index outputs() const override { return stages_.back()->outputs(); }
  Eigen::MatrixXd value(const Eigen::MatrixXd& x) const override;
  Eigen::MatrixXd jvp(const Eigen::MatrixXd& x, const Eigen::MatrixXd& d) const override;
  Eigen::MatrixXd vjp(const Eigen::MatrixXd& x, const Eigen::MatrixXd& u) const override;

private:
  std::vector<std::shared_ptr<const ForwardModel>> stages_;
};

} // namespace lookback::physics
