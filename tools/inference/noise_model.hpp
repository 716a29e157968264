// Noise that is not quite as stated, drawn with the history. The standard deviation of a pixel is s
// times the stated one, and k times more where it is an outlier:
//
//   p(s) ~ 1/s between 0.5 and 5,   p(outlier) = f,   f ~ Beta(1, 99) below 0.1,   k = 10.
//
// Outliers are few by definition: with any f, two Gaussians may share a broad distribution, its
// middle and its sides, and Gibbs steps do not leave that.
//
// Given x, whose whitened residuals are r [P], each is drawn from its own conditional (Gibbs):
//
//   an outlier has the odds  f/(1 - f) exp((1 - 1/k^2) r_p^2/(2 s^2)) / k,
//   f | n outliers           ~ Beta(1 + n, 99 + P - n), cut,
//   s | outliers             ~ s^-(P + 1) exp(-chi^2/(2 s^2)), s^2 inverse gamma, cut to its range.
//
// Given these, what the pixels say of x is again a few numbers. With r = e + Q rho (PixelBasis) and
// the weight g^2 = 1 or 1/k^2 of each pixel, chi^2 = rho^T M rho + 2 c^T rho + ..., where
// M = Q^T g^2 Q and c = Q^T g^2 e differ from 1 and 0 by a sum over the outliers alone. With
// M = L L^T the data are L^T rho + L^-1 c, over s: no pixel is compressed anew. The eigenvalues of
// M lie between 1/k^2 and 1.
#pragma once

#include "tools/inference/chain_numbers.hpp"
#include "tools/inference/whitened_data.hpp"

#include <memory>
#include <span>
#include <string>
#include <vector>

namespace lookback::tools {

struct NoiseOptions {
  bool jitter = false, outliers = false;
  bool any() const { return jitter || outliers; }
  static constexpr double least_scale = 0.5, largest_scale = 5;
  static constexpr double prior_outliers = 1, prior_others = 99; // of the beta prior
  static constexpr double most_outliers = 0.1;
  static constexpr double widening = 10; // k
};

// "noise_scale" and "outlier_fraction", those that are drawn.
std::vector<std::string> names_of(const NoiseOptions& options);

// What one chain holds of its noise.
struct ChainNoise {
  double scale = 1, outlier_fraction = 0.01;
  std::vector<Eigen::Index> outliers;
  std::shared_ptr<const WhitenedData> data; // under this noise; none: as stated
};

// The parameters names_of() says, [parameters, chains].
Eigen::MatrixXd values_of(const NoiseOptions& options, std::span<const ChainNoise> noise);

// Draws s of the density s^-(P + 1) exp(-chi2/(2 s^2)) within its range; u is even in (0, 1).
double draw_noise_scale(double chi2, Eigen::Index pixels, double u);

class NoiseModel {
public:
  // `data` must outlive the model and what it draws.
  NoiseModel(const WhitenedData& data, PixelBasis pixels, const NoiseOptions& options)
      : data_(data), pixels_(std::move(pixels)), options_(options) {}

  // One Gibbs step: the noise given x. The scale goes first, for chains start without outliers.
  ChainNoise draw(const Eigen::VectorXd& x, const ChainNoise& before, ChainNumbers& numbers) const;

private:
  const WhitenedData& data_;
  PixelBasis pixels_;
  NoiseOptions options_;
};

} // namespace lookback::tools
