// What a posterior method knows of the prior: the mean of x given x_t = x + sigma z, which is
// x_t + sigma^2 score (Tweedie's formula), and its derivative, which is Cov[x | x_t]/sigma^2.
#pragma once

#include "nn/prior.hpp"
#include "tools/inference/gaussian_mixture.hpp"

#include <Eigen/Core>

namespace lookback::tools {

class Denoiser {
public:
  virtual ~Denoiser() = default;
  virtual Eigen::Index dimension() const = 0;
  // x_t[D, n] -> E[x | x_t], [D, n].
  virtual Eigen::MatrixXd mean(const Eigen::MatrixXd& x_t, double sigma) const = 0;
  // J^T u with J = d mean/d x_t: x_t, u [D, n] -> [D, n].
  virtual Eigen::MatrixXd vjp(const Eigen::MatrixXd& x_t, double sigma,
                              const Eigen::MatrixXd& u) const = 0;
  // J [D, D] at one x_t, made symmetric, which the exact one is.
  virtual Eigen::MatrixXd jacobian(const Eigen::VectorXd& x_t, double sigma) const;
};

// The network. Columns are x[L, C] of one sample, as Tensor keeps it.
class NetworkDenoiser : public Denoiser {
public:
  explicit NetworkDenoiser(const nn::Prior& prior) : prior_(prior) {}
  Eigen::Index dimension() const override { return prior_.length * prior_.config.channels; }
  Eigen::MatrixXd mean(const Eigen::MatrixXd& x_t, double sigma) const override;
  Eigen::MatrixXd vjp(const Eigen::MatrixXd& x_t, double sigma,
                      const Eigen::MatrixXd& u) const override;

private:
  Tensor on_device(const Eigen::MatrixXd& x) const;

  const nn::Prior& prior_;
};

class MixtureDenoiser : public Denoiser {
public:
  explicit MixtureDenoiser(GaussianMixture mixture) : mixture_(std::move(mixture)) {}
  Eigen::Index dimension() const override { return mixture_.dimension(); }
  Eigen::MatrixXd mean(const Eigen::MatrixXd& x_t, double sigma) const override;
  Eigen::MatrixXd vjp(const Eigen::MatrixXd& x_t, double sigma,
                      const Eigen::MatrixXd& u) const override;
  Eigen::MatrixXd jacobian(const Eigen::VectorXd& x_t, double sigma) const override;

private:
  GaussianMixture mixture_;
};

} // namespace lookback::tools
