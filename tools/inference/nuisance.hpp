// Parameters of a galaxy that are drawn together with its history: each is a function of a standard
// normal variable u, which joins the prior's x. Of u the conditional given u + sigma z is known,
//   N(u_t/(1 + sigma^2), sigma^2/(1 + sigma^2)),
// so that the network needs to know nothing of them.
#pragma once

#include "tools/inference/conditional_prior.hpp"
#include "tools/inference/denoiser.hpp"
#include "tools/inference/nuisance_prior.hpp"

#include <memory>
#include <vector>

namespace lookback::tools {

// x with `more` standard normal variables below.
class JointDenoiser : public Denoiser {
public:
  JointDenoiser(const Denoiser& histories, Eigen::Index more)
      : histories_(histories), more_(more) {}
  Eigen::Index dimension() const override { return histories_.dimension() + more_; }
  Eigen::MatrixXd mean(const Eigen::MatrixXd& x_t, double sigma) const override;
  Eigen::MatrixXd vjp(const Eigen::MatrixXd& x_t, double sigma,
                      const Eigen::MatrixXd& u) const override;

private:
  const Denoiser& histories_;
  Eigen::Index more_;
};

class JointConditional : public ConditionalPrior {
public:
  JointConditional(std::shared_ptr<ConditionalPrior> histories, Eigen::Index more)
      : histories_(std::move(histories)), more_(more) {}
  void prepare(double sigma) override;
  std::vector<ConditionalPart> parts(const Eigen::VectorXd& x_t, double sigma,
                                     const Eigen::VectorXd& mean) const override;

private:
  std::shared_ptr<ConditionalPrior> histories_;
  Eigen::Index more_;
};

} // namespace lookback::tools
