// What the prior says of x, given the noisy x_t = x + sigma z, in a form that data can be added to:
// a few Gaussians. Their overall mean is the network's or near it; a network gives no covariance
// for less than one derivative a number, so it comes from elsewhere.
#pragma once

#include "tools/inference/denoiser.hpp"

#include <memory>
#include <vector>

namespace lookback::tools {

// One of the Gaussians that make up x | x_t.
struct ConditionalPart {
  double weight;
  Eigen::VectorXd mean;                          // [D]
  std::shared_ptr<const Eigen::MatrixXd> factor; // L, lower triangular
};

class ConditionalPrior {
public:
  virtual ~ConditionalPrior() = default;
  // Called once a level, before any chain's turn.
  virtual void prepare(double sigma) = 0;
  // `mean` is the denoiser's at x_t.
  virtual std::vector<ConditionalPart> parts(const Eigen::VectorXd& x_t, double sigma,
                                             const Eigen::VectorXd& mean) const = 0;
};

// Weights, distances and covariances of a mixture fitted to draws of the same prior, in closed form;
// the network moves them all to its own mean.
class MixtureConditional : public ConditionalPrior {
public:
  explicit MixtureConditional(GaussianMixture mixture) : mixture_(std::move(mixture)) {}
  void prepare(double sigma) override;
  std::vector<ConditionalPart> parts(const Eigen::VectorXd& x_t, double sigma,
                                     const Eigen::VectorXd& mean) const override;

private:
  GaussianMixture mixture_;
  std::vector<std::shared_ptr<const Eigen::MatrixXd>> factors_;
};

// One Gaussian, its covariance sigma^2 times the denoiser's own Jacobian with eigenvalues cut to
// (0, 1]: D vector-Jacobian products a chain and level.
class JacobianConditional : public ConditionalPrior {
public:
  explicit JacobianConditional(const Denoiser& denoiser) : denoiser_(denoiser) {}
  void prepare(double) override {}
  std::vector<ConditionalPart> parts(const Eigen::VectorXd& x_t, double sigma,
                                     const Eigen::VectorXd& mean) const override;

private:
  const Denoiser& denoiser_;
};

// One Gaussian of the same variance in all directions, sigma^2/(1 + sigma^2), that of a standard
// normal prior. Right where the noise is far below all widths of the prior.
class IsotropicConditional : public ConditionalPrior {
public:
  explicit IsotropicConditional(Eigen::Index dimension) : dimension_(dimension) {}
  void prepare(double sigma) override;
  std::vector<ConditionalPart> parts(const Eigen::VectorXd& x_t, double sigma,
                                     const Eigen::VectorXd& mean) const override;

private:
  Eigen::Index dimension_;
  std::shared_ptr<const Eigen::MatrixXd> factor_;
};

} // namespace lookback::tools
