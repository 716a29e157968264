#include "physics/gaussian_likelihood.hpp"

#include "engine/error.hpp"

#include <Eigen/Eigenvalues>
#include <cmath>
#include <numbers>

namespace lookback::physics {

using Eigen::MatrixXd;
using Eigen::VectorXd;

GaussianLikelihood::GaussianLikelihood(VectorXd variance, MatrixXd a, MatrixXd u)
    : variance_(std::move(variance)), u_(std::move(u)) {
  require(variance_.size() > 0, "likelihood: no pixels; expected at least one");
  require(variance_.allFinite() && variance_.minCoeff() > 0,
          "likelihood: a noise variance is not a positive number");
  if (u_.size() == 0) u_.resize(pixels(), 0);
  if (a.size() == 0) a.resize(pixels(), 0);
  require(u_.rows() == pixels() && a.rows() == pixels(), "likelihood: A has ", a.rows(),
          " pixels and U ", u_.rows(), "; expected ", pixels(), " of both");
  require(u_.allFinite() && a.allFinite(), "likelihood: A or U holds a NaN or an infinity");

  fixed_log_determinant_ = variance_.array().log().sum();
  weighted_u_ = variance_.cwiseInverse().asDiagonal() * u_;
  inner_u_.compute(MatrixXd::Identity(u_.cols(), u_.cols()) + u_.transpose() * weighted_u_);
  if (u_.cols() > 0)
    fixed_log_determinant_ += 2 * MatrixXd(inner_u_.matrixL()).diagonal().array().log().sum();

  fixed_a_ = solve_fixed(a);
  if (a.cols() == 0) return;
  const MatrixXd gram = a.transpose() * fixed_a_;
  const Eigen::SelfAdjointEigenSolver<MatrixXd> decomposition((gram + gram.transpose()) / 2);
  q_ = decomposition.eigenvectors();
  g_ = decomposition.eigenvalues().cwiseMax(0); // rounding makes some slightly negative
}

MatrixXd GaussianLikelihood::solve_fixed(const MatrixXd& r) const {
  require(r.rows() == pixels(), "likelihood: ", r.rows(), " pixels; expected ", pixels());
  MatrixXd x = variance_.cwiseInverse().asDiagonal() * r;
  if (u_.cols() > 0) x -= weighted_u_ * inner_u_.solve(u_.transpose() * x);
  return x;
}

MatrixXd GaussianLikelihood::projected(const MatrixXd& r) const {
  require(r.rows() == pixels(), "likelihood: ", r.rows(), " pixels; expected ", pixels());
  return q_.transpose() * (fixed_a_.transpose() * r);
}

MatrixXd GaussianLikelihood::pulled_back(const MatrixXd& r, double s) const {
  if (g_.size() == 0) return MatrixXd(0, r.cols());
  const VectorXd shrink = (1 + s * s * g_.array()).inverse();
  return q_ * (shrink.asDiagonal() * projected(r));
}

MatrixXd GaussianLikelihood::solve(const MatrixXd& r, double s) const {
  MatrixXd x = solve_fixed(r);
  if (g_.size() > 0) x -= s * s * (fixed_a_ * pulled_back(r, s));
  return x;
}

double GaussianLikelihood::log_determinant(double s) const {
  return fixed_log_determinant_ + (s * s * g_.array()).log1p().sum();
}

VectorXd GaussianLikelihood::log_likelihood(const MatrixXd& r, double s) const {
  const VectorXd chi2 = r.cwiseProduct(solve(r, s)).colwise().sum();
  const double constant =
      log_determinant(s) + static_cast<double>(pixels()) * std::log(2 * std::numbers::pi);
  return -(chi2.array() + constant) / 2;
}

VectorXd GaussianLikelihood::by_level(const MatrixXd& r, double s) const {
  if (g_.size() == 0) return VectorXd::Zero(r.cols());
  const double trace = (g_.array() / (1 + s * s * g_.array())).sum();
  return s * (pulled_back(r, s).colwise().squaredNorm().transpose().array() - trace);
}

MatrixXd GaussianLikelihood::by_modes(const VectorXd& r, double s) const {
  const VectorXd solved = solve(r, s);
  return solved * (solved.transpose() * u_) - solve(u_, s);
}

} // namespace lookback::physics
