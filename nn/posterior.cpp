#include "nn/posterior.hpp"

#include <cmath>

namespace lookback::nn {
namespace {

// Unbiased variance per pixel of S over `draws` standard normal histories, in batches.
std::vector<double> variance_of_model(const Likelihood& likelihood, const Tensor& like,
                                      const DiagonalCla::Options& o) {
  require(o.draws >= 2, "cla-diagonal: ", o.draws, " draws asked for; expected at least 2");
  const std::size_t pixels = std::size_t(likelihood.pixels());
  std::vector<double> mean(pixels), squares(pixels);
  std::int64_t count = 0;
  for (int first = 0; first < o.draws; first += 128) {
    const std::int64_t batch = std::min(128, o.draws - first);
    Tensor a({batch, like.shape()[1], like.shape()[2]}, like.dtype(), like.backend());
    a.backend().normal(
        {.seed = o.seed, .purpose = Purpose::likelihood_variance, .draw = std::uint32_t(first)}, a);
    const std::vector<double> residual = likelihood.residual(a);
    for (std::int64_t b = 0; b < batch; ++b) {
      ++count; // Welford's recurrence
      for (std::size_t p = 0; p < pixels; ++p) {
        const double value = residual[std::size_t(b) * pixels + p], before = value - mean[p];
        mean[p] += before / double(count);
        squares[p] += before * (value - mean[p]);
      }
    }
  }
  for (double& s : squares) s /= double(count - 1);
  return squares;
}

} // namespace

DiagonalCla::DiagonalCla(const Likelihood& likelihood, const Tensor& like, const Options& options)
    : likelihood_(likelihood), options_(options),
      variance_(variance_of_model(likelihood, like, options)), forward_evaluations_(options.draws) {
}

Tensor DiagonalCla::score(const Tensor& x, double sigma) {
  std::vector<double> u = likelihood_.residual(x);
  const auto noise = likelihood_.noise_variance();
  const std::size_t pixels = noise.size(), batch = std::size_t(x.shape()[0]);
  for (std::size_t b = 0; b < batch; ++b)
    for (std::size_t p = 0; p < pixels; ++p)
      u[b * pixels + p] /= noise[p] + sigma * sigma * variance_[p];
  Tensor g = likelihood_.vjp(x, u);
  forward_evaluations_ += 2 * std::int64_t(batch);
  if (options_.clip <= 0) return g;

  Tensor norm({std::int64_t(batch)}, x.dtype(), x.backend()), factor = empty_like(norm),
                                                              cut = empty_like(g);
  x.backend().squared_norm(g, norm);
  visit(x.dtype(), [&]<class T>(T) {
    std::vector<T> values = norm.values<T>();
    const double largest = options_.clip * std::sqrt(double(x.size()) / double(batch)) / sigma;
    for (T& v : values) {
      const double length = std::sqrt(double(v));
      clipped_ += length > largest;
      v = T(length > largest ? largest / length : 1);
    }
    x.backend().upload(values.data(), factor);
  });
  x.backend().scale_samples(factor, g, {cut, false});
  return cut;
}

} // namespace lookback::nn
