// Posterior sampling: the prior's score plus a score of the data.
#pragma once

#include "nn/sampler.hpp"

#include <span>

namespace lookback::nn {

// What the data say, in the prior's standardised variables x[B, L, C]. Pixel quantities are
// column-major [pixels, B], float64, in the data's units; only used pixels appear.
class Likelihood {
public:
  virtual ~Likelihood() = default;
  virtual std::int64_t pixels() const = 0;
  virtual std::span<const double> noise_variance() const = 0;               // per pixel
  virtual std::vector<double> residual(const Tensor& x) const = 0;          // data - S(x)
  virtual Tensor vjp(const Tensor& x, std::span<const double> u) const = 0; // J(x)^T u -> [B, L, C]
};

// The published approximation: the noise-perturbed likelihood is a Gaussian convolved with the
// noise carried through the model (convolved likelihood approximation), with the diagonal of A A^T
// taken as the variance of S(a), a ~ N(0, 1). S is evaluated as it stands: star-formation rates
// below zero are not clipped.
class DiagonalCla {
public:
  struct Options {
    int draws = 1000; // for the diagonal of A A^T
    double clip = 10; // sigma |score| per sample is cut to clip sqrt(elements); 0: never
    std::uint64_t seed = 0;
  };

  // `like` gives the shape [*, L, C], type and device of x.
  DiagonalCla(const Likelihood& likelihood, const Tensor& like, const Options& options);

  // J(x)^T (Sigma + sigma^2 Diag(A A^T))^-1 (data - S(x)), clipped.
  Tensor score(const Tensor& x, double sigma);

  std::span<const double> variance_of_draws() const { return variance_; }
  std::int64_t clipped() const { return clipped_; } // how many sample scores were cut so far
  std::int64_t forward_evaluations() const { return forward_evaluations_; }

private:
  const Likelihood& likelihood_;
  Options options_;
  std::vector<double> variance_;
  std::int64_t clipped_ = 0, forward_evaluations_ = 0;
};

} // namespace lookback::nn
