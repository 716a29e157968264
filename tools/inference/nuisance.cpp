#include "tools/inference/nuisance.hpp"

#include "engine/error.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace lookback::tools {

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;

double NuisancePrior::value(double u) const {
  if (error > 0) return std::clamp(0.5 * (low + high) + error * u, low, high);
  return low + (high - low) * 0.5 * std::erfc(-u / std::numbers::sqrt2);
}

double NuisancePrior::u_of(double v) const {
  double below = -8, above = 8;
  for (int halving = 0; halving < 60; ++halving) {
    const double middle = 0.5 * (below + above);
    (value(middle) < v ? below : above) = middle;
  }
  return above;
}

double NuisancePrior::slope(double u) const {
  if (error > 0) return std::abs(error * u) < 0.5 * (high - low) ? error : 0;
  return (high - low) * std::exp(-0.5 * u * u) / std::sqrt(2 * std::numbers::pi);
}

NuisancePrior even_prior(double physics::Nuisance::*parameter, double low, double high) {
  require(0 <= low && low < high && std::isfinite(high), "a prior between ", low, " and ", high,
          "; expected two numbers from 0 on, the second larger");
  return {parameter, low, high};
}

NuisancePrior gaussian_prior(double physics::Nuisance::*parameter, double centre, double error) {
  require(error > 0 && 5 * error <= centre, "a prior of ", centre, " +- ", error,
          "; expected an error above 0 and no more than a fifth of the value");
  return {parameter, centre - 5 * error, centre + 5 * error, error};
}

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
