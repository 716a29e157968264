#include "tools/inference/exact_mixture.hpp"

#include "engine/parallel.hpp"
#include "engine/random.hpp"

#include <Eigen/Cholesky>

#include <cmath>

namespace lookback::tools {

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;

GaussianMixture exact_posterior(const GaussianMixture& prior, const LinearData& data) {
  constexpr double least = 1e-300; // of a weight, which must stay positive
  const Index D = prior.dimension(), K = prior.components();
  const VectorXd y = data.residual(VectorXd::Zero(D));
  const MatrixXd a = data.jacobian(VectorXd::Zero(D));
  VectorXd weight(K);
  MatrixXd mean(D, K);
  std::vector<MatrixXd> covariance(static_cast<std::size_t>(K));
  parallel_for(K, [&](std::int64_t k) {
    const MatrixXd l = prior.covariance(k).llt().matrixL();
    const MatrixXd b = a * l;
    const Eigen::LLT<MatrixXd> g(MatrixXd::Identity(D, D) + b.transpose() * b);
    const VectorXd r = y - a * prior.mean().col(k);
    const VectorXd e = g.solve(b.transpose() * r);
    const MatrixXd root = g.matrixL().solve(l.transpose());
    mean.col(k) = prior.mean().col(k) + l * e;
    covariance[std::size_t(k)] = root.transpose() * root;
    weight[k] = std::log(prior.weight()[k]) - 0.5 * ((r - b * e).squaredNorm() + e.squaredNorm()) -
                g.matrixLLT().diagonal().array().log().sum();
  });
  weight = (weight.array() - weight.maxCoeff()).exp();
  weight = (weight / weight.sum()).cwiseMax(least);
  return {weight, mean, covariance};
}

MatrixXd draws_of(const GaussianMixture& mixture, std::int64_t count, std::uint64_t seed) {
  const Index D = mixture.dimension();
  MatrixXd x(D, count);
  for (Index n = 0; n < count; ++n) {
    const Stream stream{.seed = seed, .purpose = Purpose::posterior_draw, .draw = std::uint32_t(n)};
    VectorXd z(D);
    for (Index i = 0; i < D; ++i) z[i] = stream.normal(std::uint64_t(i));
    x.col(n) = mixture.draw(z, stream.uniform(std::uint64_t(D + 3) / 4 * 4)); // words of its own
  }
  return x;
}

} // namespace lookback::tools
