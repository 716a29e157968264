#include "tools/inference/gaussian_mixture.hpp"

#include "engine/error.hpp"
#include "engine/parallel.hpp"
#include "engine/random.hpp"

#include <Eigen/Cholesky>
#include <Eigen/Eigenvalues>

#include <cmath>
#include <numbers>

namespace lookback::tools {

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;

namespace {

constexpr Index block = 256; // samples a thread takes at a time

// ln sum exp, and exp(values - that) into values.
double normalise(Eigen::Ref<VectorXd> values) {
  const double largest = values.maxCoeff();
  const double total = largest + std::log((values.array() - largest).exp().sum());
  values = (values.array() - total).exp();
  return total;
}

// The responsibilities [K, N] of components with Cholesky factors.
MatrixXd responsibilities(const MatrixXd& data, const VectorXd& weight, const MatrixXd& mean,
                          const std::vector<Eigen::LLT<MatrixXd>>& factors) {
  MatrixXd r(weight.size(), data.cols());
  parallel_for((data.cols() + block - 1) / block, [&](std::int64_t i) {
    const Index first = i * block, count = std::min(block, data.cols() - first);
    for (Index k = 0; k < weight.size(); ++k) {
      const auto& llt = factors[std::size_t(k)];
      const MatrixXd whitened =
          llt.matrixL().solve(data.middleCols(first, count).colwise() - mean.col(k));
      const double log_norm = std::log(weight[k]) - llt.matrixLLT().diagonal().array().log().sum();
      r.row(k).segment(first, count) =
          (log_norm - 0.5 * whitened.colwise().squaredNorm().array()).matrix();
    }
    for (Index n = first; n < first + count; ++n) normalise(r.col(n));
  });
  return r;
}

} // namespace

GaussianMixture::GaussianMixture(VectorXd weight, MatrixXd mean, std::vector<MatrixXd> covariance)
    : weight_(std::move(weight)), mean_(std::move(mean)) {
  require(weight_.size() == mean_.cols() && covariance.size() == std::size_t(mean_.cols()),
          "mixture: ", weight_.size(), " weights, ", mean_.cols(), " means and ", covariance.size(),
          " covariances; expected as many of each");
  require((weight_.array() > 0).all(), "mixture: a weight is not positive");
  for (const MatrixXd& c : covariance) {
    require(c.rows() == dimension() && c.cols() == dimension(), "mixture: a covariance is ",
            c.rows(), " x ", c.cols(), "; expected ", dimension(), " x ", dimension());
    const Eigen::SelfAdjointEigenSolver<MatrixXd> eigen(c);
    require(eigen.eigenvalues()[0] > 0, "mixture: a covariance is not positive definite");
    basis_.push_back(eigen.eigenvectors());
    variance_.push_back(eigen.eigenvalues());
  }
}

MatrixXd GaussianMixture::covariance(Index k) const {
  const MatrixXd& u = basis_[std::size_t(k)];
  return u * variance_[std::size_t(k)].asDiagonal() * u.transpose();
}

MatrixXd GaussianMixture::overall_covariance() const {
  MatrixXd total = MatrixXd::Zero(dimension(), dimension());
  for (Index k = 0; k < components(); ++k) {
    const VectorXd d = mean_.col(k) - overall_mean();
    total += weight_[k] * (covariance(k) + d * d.transpose());
  }
  return total;
}

VectorXd GaussianMixture::log_weights(const VectorXd& x_t, double sigma) const {
  VectorXd values(components());
  for (Index k = 0; k < components(); ++k) {
    const VectorXd d = basis_[std::size_t(k)].transpose() * (x_t - mean_.col(k));
    const Eigen::ArrayXd variance = variance_[std::size_t(k)].array() + sigma * sigma;
    values[k] =
        std::log(weight_[k]) -
        0.5 *
            (variance.log() + d.array().square() / variance + std::log(2 * std::numbers::pi)).sum();
  }
  return values;
}

GaussianMixture::Conditional GaussianMixture::conditional(const VectorXd& x_t, double sigma) const {
  Conditional c{log_weights(x_t, sigma), MatrixXd(dimension(), components())};
  normalise(c.weight);
  for (Index k = 0; k < components(); ++k) {
    const MatrixXd& u = basis_[std::size_t(k)];
    const Eigen::ArrayXd variance = variance_[std::size_t(k)].array();
    const VectorXd shrunk =
        (u.transpose() * (x_t - mean_.col(k))).array() * variance / (variance + sigma * sigma);
    c.mean.col(k) = mean_.col(k) + u * shrunk;
  }
  return c;
}

std::vector<MatrixXd> GaussianMixture::conditional_covariances(double sigma) const {
  std::vector<MatrixXd> all(basis_.size());
  parallel_for(components(), [&](std::int64_t k) {
    const Eigen::ArrayXd variance = variance_[std::size_t(k)].array();
    const VectorXd root = (variance * sigma * sigma / (variance + sigma * sigma)).sqrt();
    const MatrixXd scaled = basis_[std::size_t(k)] * root.asDiagonal();
    all[std::size_t(k)] = scaled * scaled.transpose();
  });
  return all;
}

double GaussianMixture::log_density(const VectorXd& x_t, double sigma) const {
  VectorXd values = log_weights(x_t, sigma);
  return normalise(values);
}

VectorXd GaussianMixture::draw(const VectorXd& normal, double uniform) const {
  Index k = 0;
  for (double sum = weight_[0]; k + 1 < components() && uniform > sum; sum += weight_[++k]) {
  }
  return mean_.col(k) + basis_[std::size_t(k)] *
                            (variance_[std::size_t(k)].array().sqrt() * normal.array()).matrix();
}

MatrixXd total_covariance(const GaussianMixture::Conditional& c,
                          const std::vector<MatrixXd>& covariances) {
  constexpr double negligible = 1e-6; // of a component's weight
  const VectorXd mean = c.overall_mean();
  MatrixXd total = MatrixXd::Zero(mean.size(), mean.size());
  for (Index k = 0; k < c.weight.size(); ++k) {
    if (c.weight[k] < negligible) continue;
    const VectorXd d = c.mean.col(k) - mean;
    total += c.weight[k] * covariances[std::size_t(k)];
    total.noalias() += (c.weight[k] * d) * d.transpose();
  }
  return total;
}

GaussianMixture fit_mixture(const MatrixXd& data, Index components, std::uint64_t seed,
                            int iterations, double floor_variance) {
  const Index D = data.rows(), N = data.cols(), K = components;
  require(K >= 1 && N >= 2 * K, "mixture: ", N, " samples for ", K,
          " components; expected at least twice as many");
  const Stream stream{.seed = seed, .purpose = Purpose::mixture};
  const MatrixXd floor = floor_variance * MatrixXd::Identity(D, D);
  const VectorXd centre = data.rowwise().mean();
  const MatrixXd centred = data.colwise() - centre;
  VectorXd weight = VectorXd::Constant(K, 1.0 / double(K));
  MatrixXd mean(D, K);
  std::vector<MatrixXd> covariance(std::size_t(K),
                                   MatrixXd(centred * centred.transpose() / double(N) + floor));
  for (Index k = 0; k < K; ++k)
    mean.col(k) = data.col(Index(stream.uniform(std::uint64_t(k)) * double(N)));

  const Index blocks = (N + block - 1) / block;
  for (int iteration = 0; iteration < iterations; ++iteration) {
    std::vector<Eigen::LLT<MatrixXd>> factors;
    for (const MatrixXd& c : covariance) factors.emplace_back(c);
    const MatrixXd r = responsibilities(data, weight, mean, factors);
    parallel_for(K, [&](std::int64_t k) { // one component a thread, samples in a fixed order
      const double total = r.row(k).sum();
      weight[k] = std::max(total / double(N), 1e-12);
      mean.col(k) = data * r.row(k).transpose() / std::max(total, 1e-12);
      MatrixXd outer = MatrixXd::Zero(D, D);
      for (Index b = 0; b < blocks; ++b) {
        const Index first = b * block, count = std::min(block, N - first);
        const MatrixXd d = (data.middleCols(first, count).colwise() - mean.col(k)) *
                           r.row(k).segment(first, count).cwiseSqrt().asDiagonal();
        outer.noalias() += d * d.transpose();
      }
      covariance[std::size_t(k)] = outer / std::max(total, 1e-12) + floor;
    });
    weight /= weight.sum();
  }
  return {weight, mean, covariance};
}

GaussianMixture fit_mixture(std::span<const float> x, Index dimension, Index components,
                            std::uint64_t seed) {
  constexpr Index most = 20000;
  const Index all = Index(x.size()) / dimension, N = std::min(all, most);
  MatrixXd data(dimension, N);
  for (Index n = 0; n < N; ++n)
    data.col(n) =
        Eigen::VectorXf::Map(x.data() + n * all / N * dimension, dimension).cast<double>();
  return fit_mixture(data, components, seed);
}

GaussianMixture mixture_of(const nn::Prior& prior) {
  require(prior.mixture.has_value(),
          "the prior holds no mixture of Gaussians, which this method takes the covariance from; "
          "train it with --mixture, or take the network's with --covariance jacobian");
  const nn::Mixture& m = *prior.mixture;
  const Index K = Index(m.weight.size()), D = Index(m.mean.size()) / K;
  std::vector<MatrixXd> covariance;
  for (Index k = 0; k < K; ++k) {
    const MatrixXd c = MatrixXd::Map(m.covariance.data() + k * D * D, D, D);
    covariance.push_back(0.5 * (c + c.transpose()));
  }
  return {VectorXd::Map(m.weight.data(), K), MatrixXd::Map(m.mean.data(), D, K), covariance};
}

nn::Mixture stored(const GaussianMixture& mixture) {
  nn::Mixture m;
  m.weight.assign(mixture.weight().begin(), mixture.weight().end());
  m.mean.assign(mixture.mean().reshaped().begin(), mixture.mean().reshaped().end());
  for (Index k = 0; k < mixture.components(); ++k) {
    const MatrixXd c = mixture.covariance(k);
    m.covariance.insert(m.covariance.end(), c.reshaped().begin(), c.reshaped().end());
  }
  return m;
}

double mean_log_density(const GaussianMixture& mixture, const MatrixXd& data) {
  VectorXd values(data.cols());
  parallel_for(data.cols(),
               [&](std::int64_t n) { values[n] = mixture.log_density(data.col(n), 0); });
  return values.mean();
}

} // namespace lookback::tools
