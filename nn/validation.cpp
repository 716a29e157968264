#include "nn/validation.hpp"

#include "nn/average_weights.hpp"

namespace lookback::nn {
namespace {

constexpr std::int64_t batch = 64;      // histories evaluated at a time
constexpr std::uint32_t validation = 1; // Stream::object; training has 0

} // namespace

double validation_time(const VeSde& sde, int level) {
  return sde.T * (level + 0.5) / validation_levels;
}

std::vector<double> validation_losses(Prior& prior, const TrainingState& state,
                                      std::span<const float> data, std::uint64_t seed) {
  const AverageWeights average(prior, state);
  Backend& backend = prior.network->params().flat().backend();
  const std::int64_t L = prior.length, C = prior.config.channels, size = L * C,
                     N = std::int64_t(data.size()) / size;
  std::vector<double> losses(validation_levels, 0.0);
  for (std::int64_t first = 0; first < N; first += batch) {
    const std::int64_t B = std::min(batch, N - first);
    const Tensor x_0 = Tensor::from<float>(
        {B, L, C}, data.subspan(std::size_t(first * size), std::size_t(B * size)), backend);
    const Tensor z = empty_like(x_0), t({B}, DType::f32, backend);
    for (int level = 0; level < validation_levels; ++level) {
      backend.normal({.seed = seed,
                      .purpose = Purpose::training_noise,
                      .object = validation,
                      .draw = std::uint32_t(first),
                      .step = std::uint32_t(level)},
                     z);
      backend.fill(t, validation_time(prior.sde, level));
      for (double loss : denoising_losses(*prior.network, prior.sde, x_0, t, z).numbers())
        losses[std::size_t(level)] += loss / double(N * size);
    }
  }
  return losses;
}

} // namespace lookback::nn
