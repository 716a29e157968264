// Joins nn and physics: the likelihood of an observed spectrum in the prior's standardised
// variables.
#pragma once

#include "nn/posterior.hpp"
#include "nn/prior.hpp"
#include "physics/galaxy_model.hpp"

namespace lookback::tools {

// Standardised x[B, L, 2] to histories in physical units, one column a sample: rows 0 .. L-1 SFR
// [Msun/yr], rows L .. 2L-1 log10(Z/Zsun).
Eigen::MatrixXd physical_histories(const Tensor& x, const nn::Normalization& normalization);

// Gaussian noise of known inverse variance on the pixels used. S is linear in SFR, negative rates
// of a noisy x included.
class SpectrumLikelihood : public nn::Likelihood {
public:
  // `model` predicts all pixels; flux, ivar and used (1: compare) have one entry each. Errors:
  // sizes that differ, no pixel used, ivar not positive where used.
  SpectrumLikelihood(const physics::GalaxyModel& model, const nn::Normalization& normalization,
                     std::span<const double> flux, std::span<const double> ivar,
                     std::span<const std::uint8_t> used);

  std::int64_t pixels() const override { return std::int64_t(used_.size()); }
  std::span<const double> noise_variance() const override { return variance_; }
  std::vector<double> residual(const Tensor& x) const override;
  Tensor vjp(const Tensor& x, std::span<const double> u) const override;

private:
  const physics::GalaxyModel& model_;
  const nn::Normalization& normalization_;
  std::vector<std::size_t> used_; // pixels compared
  std::vector<double> flux_, variance_;
};

} // namespace lookback::tools
