// Joins nn and physics: the likelihood of an observed galaxy in the prior's standardised variables.
#pragma once

#include "nn/posterior.hpp"
#include "nn/prior.hpp"
#include "physics/forward_model.hpp"
#include "physics/whitening.hpp"

namespace lookback::tools {

// Standardised x[B, L, 2] to histories in physical units, one column a sample: rows 0 .. L-1 SFR
// [Msun/yr], rows L .. 2L-1 log10(Z/Zsun).
Eigen::MatrixXd physical_histories(const Tensor& x, const nn::Normalization& normalization);

// One entry for each output of the model: the pixels of a spectrum, then photometric bands.
struct Measurements {
  std::vector<double> flux, ivar;
  std::vector<std::uint8_t> used; // 1: compare
  Eigen::MatrixXd calibration;    // [outputs, K] modes of calibration errors; or empty
};

// Gaussian noise of known inverse variance on the outputs used, and errors of calibration, whose
// coefficients are integrated out. Residuals are whitened (physics/whitening.hpp): all have
// variance 1 and are independent, whatever the calibration. S is linear in SFR, negative rates of a
// noisy x included.
class SpectrumLikelihood : public nn::Likelihood {
public:
  // Errors: sizes that differ from the model's, no output used, ivar not positive where used.
  SpectrumLikelihood(const physics::ForwardModel& model, const nn::Normalization& normalization,
                     const Measurements& measured);

  std::int64_t pixels() const override { return std::int64_t(used_.size()); }
  std::span<const double> noise_variance() const override { return ones_; }
  std::vector<double> residual(const Tensor& x) const override;
  Tensor vjp(const Tensor& x, std::span<const double> u) const override;

  // Whether errors of calibration make the noise of pixels dependent.
  bool calibrated() const { return calibrated_; }

  // chi^2 of model outputs, one a column, calibration integrated out.
  Eigen::VectorXd chi2(const Eigen::MatrixXd& model_flux) const;

  // W (data - model), [used, columns], for model outputs in columns: chi^2 is its squared norm.
  Eigen::MatrixXd whitened_residual(const Eigen::MatrixXd& model_flux) const;

private:
  const physics::ForwardModel& model_;
  const nn::Normalization& normalization_;
  std::vector<Eigen::Index> used_; // outputs compared
  Eigen::VectorXd flux_;           // [used]
  std::optional<physics::Whitening> whitening_;
  std::vector<double> ones_;
  bool calibrated_ = false;
};

} // namespace lookback::tools
