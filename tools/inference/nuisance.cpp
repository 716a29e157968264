#include "tools/inference/nuisance.hpp"

#include <cmath>

namespace lookback::tools {

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;

MatrixXd JointDenoiser::mean(const MatrixXd& x_t, double sigma) const {
  const Index D = histories_.dimension();
  MatrixXd m(x_t.rows(), x_t.cols());
  m.topRows(D) = histories_.mean(x_t.topRows(D), sigma);
  m.bottomRows(more_) = x_t.bottomRows(more_) / (1 + sigma * sigma);
  return m;
}

MatrixXd JointDenoiser::vjp(const MatrixXd& x_t, double sigma, const MatrixXd& u) const {
  const Index D = histories_.dimension();
  MatrixXd g(x_t.rows(), x_t.cols());
  g.topRows(D) = histories_.vjp(x_t.topRows(D), sigma, u.topRows(D));
  g.bottomRows(more_) = u.bottomRows(more_) / (1 + sigma * sigma);
  return g;
}

void JointConditional::prepare(double sigma) {
  histories_->prepare(sigma);
}

std::vector<ConditionalPart> JointConditional::parts(const VectorXd& x_t, double sigma,
                                                     const VectorXd& mean) const {
  const Index D = x_t.size() - more_;
  std::vector<ConditionalPart> parts = histories_->parts(x_t.head(D), sigma, mean.head(D));
  for (ConditionalPart& part : parts) {
    MatrixXd factor = MatrixXd::Zero(x_t.size(), x_t.size());
    factor.topLeftCorner(D, D) = *part.factor;
    factor.diagonal().tail(more_).setConstant(sigma / std::sqrt(1 + sigma * sigma));
    VectorXd whole(x_t.size());
    whole << part.mean, mean.tail(more_);
    part = {part.weight, whole, std::make_shared<const MatrixXd>(std::move(factor))};
  }
  return parts;
}

} // namespace lookback::tools
