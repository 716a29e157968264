// A mixture of Gaussians over standardised histories x [D]: fitted to the training histories, it
// gives the covariance of x given a noisy x_t = x + sigma z in closed form, and in tests and
// benchmarks it is a prior whose every conditional is known.
#pragma once

#include "nn/prior.hpp"

#include <Eigen/Core>
#include <cstdint>
#include <span>
#include <vector>

namespace lookback::tools {

class GaussianMixture {
public:
  // weight [K] positive with sum 1; mean [D, K]; covariance K x [D, D]. Errors: sizes that differ,
  // a covariance that is not positive definite.
  GaussianMixture(Eigen::VectorXd weight, Eigen::MatrixXd mean,
                  std::vector<Eigen::MatrixXd> covariance);

  Eigen::Index dimension() const { return mean_.rows(); }
  Eigen::Index components() const { return mean_.cols(); }
  const Eigen::VectorXd& weight() const { return weight_; }
  const Eigen::MatrixXd& mean() const { return mean_; }
  Eigen::MatrixXd covariance(Eigen::Index k) const;
  // Its eigenvectors and eigenvalues.
  const Eigen::MatrixXd& basis(Eigen::Index k) const { return basis_[std::size_t(k)]; }
  const Eigen::VectorXd& variance(Eigen::Index k) const { return variance_[std::size_t(k)]; }
  // Moments of the whole mixture.
  Eigen::VectorXd overall_mean() const { return mean_ * weight_; }
  Eigen::MatrixXd overall_covariance() const;

  // x | x_t is a mixture again: these are its weights and means for x_t of a noise level.
  struct Conditional {
    Eigen::VectorXd weight; // [K]
    Eigen::MatrixXd mean;   // [D, K]
    Eigen::VectorXd overall_mean() const { return mean * weight; }
  };
  Conditional conditional(const Eigen::VectorXd& x_t, double sigma) const;
  // Cov[x | x_t, k] of every component, which x_t does not change.
  std::vector<Eigen::MatrixXd> conditional_covariances(double sigma) const;

  // ln p(x_t) in nats at noise level sigma (0: of x itself).
  double log_density(const Eigen::VectorXd& x_t, double sigma) const;

  // One draw of x; `random` gives standard normal numbers [D] and a uniform one.
  Eigen::VectorXd draw(const Eigen::VectorXd& normal, double uniform) const;

private:
  Eigen::VectorXd log_weights(const Eigen::VectorXd& x_t, double sigma) const; // not normalised

  Eigen::VectorXd weight_;
  Eigen::MatrixXd mean_;
  std::vector<Eigen::MatrixXd> basis_;    // eigenvectors of the covariances
  std::vector<Eigen::VectorXd> variance_; // their eigenvalues
};

// Cov[x | x_t] of a mixture whose parts have these covariances (law of total covariance).
Eigen::MatrixXd total_covariance(const GaussianMixture::Conditional& conditional,
                                 const std::vector<Eigen::MatrixXd>& covariances);

// Expectation maximisation on data [D, N], from `components` samples as means and the covariance of
// all, with `floor_variance` added to every diagonal. The same bits for any number of threads.
// Errors: fewer samples than components.
GaussianMixture fit_mixture(const Eigen::MatrixXd& data, Eigen::Index components,
                            std::uint64_t seed, int iterations = 60,
                            double floor_variance = 0.005 * 0.005);

// The mixture of a prior, and the way back. Errors: the prior holds none.
GaussianMixture mixture_of(const nn::Prior& prior);
nn::Mixture stored(const GaussianMixture& mixture);

// Fits a prior's mixture to standardised histories x[N, L, C], of many no more than 20,000, evenly
// spread.
GaussianMixture fit_mixture(std::span<const float> x, Eigen::Index dimension,
                            Eigen::Index components, std::uint64_t seed);

// Mean of ln p over held-out data [D, N], in nats.
double mean_log_density(const GaussianMixture& mixture, const Eigen::MatrixXd& data);

} // namespace lookback::tools
