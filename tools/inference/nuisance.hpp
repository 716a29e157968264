// Parameters of a galaxy that are drawn together with its history: each is a function of a standard
// normal variable u, which joins the prior's x. Of u the conditional given u + sigma z is known,
//   N(u_t/(1 + sigma^2), sigma^2/(1 + sigma^2)),
// so that the network needs to know nothing of them.
#pragma once

#include "physics/light_path.hpp"
#include "tools/inference/denoiser.hpp"
#include "tools/inference/dkps.hpp"

#include <vector>

namespace lookback::tools {

struct NuisancePrior {
  double physics::Nuisance::*parameter; // a_v, redshift or sigma_v_km_per_s
  double low, high;                     // of an even prior, or 5 errors about the centre
  double error = 0;                     // of a Gaussian prior; 0: even

  double value(double u) const;
  double u_of(double value) const; // the way back; at most 8 from 0
  double slope(double u) const; // dvalue/du
};

// Even between two numbers. Errors: not 0 <= low < high.
NuisancePrior even_prior(double physics::Nuisance::*parameter, double low, double high);
// Gaussian, cut at 5 errors. Errors: error not positive, or more than a fifth of the centre.
NuisancePrior gaussian_prior(double physics::Nuisance::*parameter, double centre, double error);

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
