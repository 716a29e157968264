#include "tools/inference/conditional_prior.hpp"

#include "engine/error.hpp"
#include "tools/inference/peak_numbers.hpp"

#include <Eigen/Cholesky>
#include <Eigen/Eigenvalues>

#include <cmath>

namespace lookback::tools {

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;

namespace {

// L with L L^T = C; rounding may leave C without its smallest eigenvalues.
std::shared_ptr<const MatrixXd> cholesky(MatrixXd c) {
  const double jitter = 1e-12 * c.trace() / double(c.rows());
  for (double add = jitter;; add *= 100) {
    c.diagonal().array() += add;
    const Eigen::LLT<MatrixXd> llt(c);
    if (llt.info() == Eigen::Success) return std::make_shared<const MatrixXd>(llt.matrixL());
    require(add < 1e6 * jitter, "the covariance of x given x_t is not positive definite");
  }
}

} // namespace

void MixtureConditional::prepare(double sigma) {
  factors_.clear();
  for (MatrixXd& c : mixture_.conditional_covariances(sigma)) factors_.push_back(cholesky(c));
}

std::vector<ConditionalPart> MixtureConditional::parts(const VectorXd& x_t, double sigma,
                                                       const VectorXd& mean) const {
  const GaussianMixture::Conditional c = mixture_.conditional(x_t, sigma);
  const VectorXd shift = mean - c.overall_mean();
  std::vector<ConditionalPart> parts;
  for (Index k = 0; k < c.weight.size(); ++k)
    if (c.weight[k] > peak_numbers::negligible_weight)
      parts.push_back({c.weight[k], c.mean.col(k) + shift, factors_[std::size_t(k)]});
  return parts;
}

std::vector<ConditionalPart> IsotropicConditional::parts(const VectorXd&, double,
                                                         const VectorXd& mean) const {
  return {{1, mean, factor_}};
}

void IsotropicConditional::prepare(double sigma) {
  factor_ = std::make_shared<const MatrixXd>(MatrixXd::Identity(dimension_, dimension_) * sigma /
                                             std::sqrt(1 + sigma * sigma));
}

std::vector<ConditionalPart> JacobianConditional::parts(const VectorXd& x_t, double sigma,
                                                        const VectorXd& mean) const {
  constexpr double least = 1e-8;
  const Eigen::SelfAdjointEigenSolver<MatrixXd> eigen(denoiser_.jacobian(x_t, sigma));
  const VectorXd share = eigen.eigenvalues().cwiseMax(least).cwiseMin(1.0);
  return {{1, mean,
           cholesky(sigma * sigma * eigen.eigenvectors() * share.asDiagonal() *
                    eigen.eigenvectors().transpose())}};
}

} // namespace lookback::tools
