#include "physics/forward_model.hpp"

#include "engine/error.hpp"

namespace lookback::physics {

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;

MatrixXd ForwardModel::jacobian(const VectorXd& x) const {
  if (inputs() <= outputs())
    return jvp(x.replicate(1, inputs()), MatrixXd::Identity(inputs(), inputs()));
  return vjp(x.replicate(1, outputs()), MatrixXd::Identity(outputs(), outputs())).transpose();
}

MatrixXd Scaling::apply(const MatrixXd& x) const {
  require(x.rows() == factor_.size(), "scaling: ", x.rows(), " rows; expected ", factor_.size());
  return factor_.asDiagonal() * x;
}

Chain::Chain(std::vector<std::shared_ptr<const ForwardModel>> stages) : stages_(std::move(stages)) {
  require(!stages_.empty(), "chain: no stages; expected at least one");
  for (std::size_t s = 1; s < stages_.size(); ++s)
    require(stages_[s]->inputs() == stages_[s - 1]->outputs(), "chain: stage ", s, " takes ",
            stages_[s]->inputs(), " values; expected the ", stages_[s - 1]->outputs(),
            " of the stage before it");
}

MatrixXd Chain::value(const MatrixXd& x) const {
  MatrixXd y = x;
  for (const auto& stage : stages_) y = stage->value(y);
  return y;
}

MatrixXd Chain::jvp(const MatrixXd& x, const MatrixXd& d) const {
  MatrixXd at = x, change = d;
  for (const auto& stage : stages_) {
    change = stage->jvp(at, change);
    if (stage != stages_.back()) at = stage->value(at);
  }
  return change;
}

MatrixXd Chain::vjp(const MatrixXd& x, const MatrixXd& u) const {
  std::vector<MatrixXd> at = {x}; // the point at which each stage is evaluated
  for (std::size_t s = 0; s + 1 < stages_.size(); ++s) at.push_back(stages_[s]->value(at.back()));
  MatrixXd gradient = u;
  for (std::size_t s = stages_.size(); s-- > 0;) gradient = stages_[s]->vjp(at[s], gradient);
  return gradient;
}

} // namespace lookback::physics
