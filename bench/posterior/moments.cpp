#include "bench/posterior/moments.hpp"

#include <Eigen/Cholesky>
#include <Eigen/Eigenvalues>
#include <Eigen/LU>

#include <cmath>
#include <functional>

namespace lookback::bench {

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;

namespace {

constexpr double sigma_max = 16, sigma_min = 1e-3;
constexpr int steps = 2000;

struct Linear { // score = a - b x
  VectorXd a;
  MatrixXd b;
};

struct Gaussian {
  const VectorXd mean;
  const MatrixXd covariance, a; // a [P, D]
  const VectorXd y;

  MatrixXd identity() const { return MatrixXd::Identity(mean.size(), mean.size()); }
  // J = dm/dx_t at sigma.
  MatrixXd jacobian(double sigma) const {
    return covariance * (covariance + sigma * sigma * identity()).inverse();
  }
  Linear prior(double sigma) const {
    const MatrixXd b = (covariance + sigma * sigma * identity()).inverse();
    return {b * mean, b};
  }
  // g = W N (y - A c), N = A^T (1 + A V A^T)^-1 = (1 + F V)^-1 A^T with F = A^T A and c = W x_t +
  // (1 - W) mean.
  Linear guided(double sigma, const MatrixXd& w, const MatrixXd& v) const {
    const MatrixXd inverse = (identity() + f_ * v).inverse();
    Linear total = prior(sigma);
    total.a += w * inverse * (aty_ - f_ * (identity() - w) * mean);
    total.b += w * inverse * f_ * w;
    return total;
  }
  Linear diagonal(double sigma) const {
    const VectorXd weight =
        (1 + sigma * sigma * a.rowwise().squaredNorm().array()).inverse().matrix();
    const MatrixXd weighted = a.transpose() * weight.asDiagonal();
    Linear total = prior(sigma);
    total.a += weighted * y;
    total.b += weighted * a;
    return total;
  }
  Linear exact(double sigma) const {
    const MatrixXd c = (covariance.inverse() + f_).inverse();
    const VectorXd m = c * (covariance.llt().solve(mean) + aty_);
    const MatrixXd b = (c + sigma * sigma * identity()).inverse();
    return {b * m, b};
  }

  const MatrixXd f_ = a.transpose() * a;
  const VectorXd aty_ = a.transpose() * y;
};

// Over ds = sigma^2 - sigma'^2: dx = (a - B x) ds + dW.
Moments propagated(const std::string& name, Index dimension,
                   const std::function<Linear(double)>& score) {
  Moments m{name, VectorXd::Zero(dimension),
            sigma_max * sigma_max * MatrixXd::Identity(dimension, dimension)};
  const double ratio = std::pow(sigma_min / sigma_max, 1.0 / steps);
  double sigma = sigma_max;
  for (int i = 0; i < steps; ++i, sigma *= ratio) {
    const double time = sigma * sigma * (1 - ratio * ratio);
    const Linear s = score(sigma * std::sqrt(0.5 * (1 + ratio * ratio)));
    const Eigen::SelfAdjointEigenSolver<MatrixXd> eigen(0.5 * (s.b + s.b.transpose()));
    const MatrixXd& u = eigen.eigenvectors();
    const Eigen::ArrayXd rate = eigen.eigenvalues().array().max(1e-12);
    const Eigen::ArrayXd kept = (-rate * time).exp();
    const Eigen::ArrayXd gained = -(-rate * time).unaryExpr([](double v) { return std::expm1(v); });
    m.mean = u * ((u.transpose() * m.mean).array() * kept +
                  (u.transpose() * s.a).array() * gained / rate)
                     .matrix();
    MatrixXd c = u.transpose() * m.covariance * u;
    c = kept.matrix().asDiagonal() * c * kept.matrix().asDiagonal();
    c.diagonal().array() += (1 - kept.square()) / (2 * rate);
    m.covariance = u * c * u.transpose();
  }
  return m;
}

} // namespace

std::vector<Moments> limiting_moments(const tools::GaussianMixture& prior,
                                      const tools::LinearData& data) {
  const Index D = prior.dimension();
  const VectorXd zero = VectorXd::Zero(D);
  const Gaussian g{prior.mean().col(0), prior.covariance(0), data.jacobian(zero),
                   data.residual(zero)};
  const MatrixXd one = g.identity(), none = MatrixXd::Zero(D, D);
  std::vector<Moments> all;
  const auto add = [&](const std::string& name, const std::function<Linear(double)>& score) {
    all.push_back(propagated(name, D, score));
  };
  add("exact score", [&](double s) { return g.exact(s); });
  add("tmpd", [&](double s) { return g.guided(s, g.jacobian(s), s * s * g.jacobian(s)); });
  add("pigdm", [&](double s) { return g.guided(s, g.jacobian(s), s * s / (1 + s * s) * one); });
  add("cla", [&](double s) { return g.guided(s, one, s * s * one); });
  add("dps", [&](double s) { return g.guided(s, g.jacobian(s), none); });
  add("cla-diagonal", [&](double s) { return g.diagonal(s); });
  return all;
}

} // namespace lookback::bench
