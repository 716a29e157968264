#include "nn/score_matching.hpp"

#include <algorithm>
#include <cmath>

namespace lookback::nn {

static double rounded(double value, DType type) {
  return type == DType::f32 ? double(float(value)) : value;
}

std::array<double, NoiseLevels::count> NoiseLevels::at(const VeSde& sde, double t) {
  const double sigma = sde.sigma(t), variance = 1 + sigma * sigma;
  return {t, sigma, 1 / std::sqrt(variance), -sigma / variance};
}

NoiseLevels::NoiseLevels(const Ncsnpp& network, const VeSde& sde, const Tensor& numbers)
    : sde(sde), numbers(numbers) {
  const std::int64_t batch = numbers.shape()[1];
  const auto row = [&](std::int64_t i) { return numbers.part(i * batch, {batch}); };
  t = row(0), sigma = row(1);
  if (network.config().preconditioned) unit = row(2), skip = row(3);
}

NoiseLevels::NoiseLevels(const Ncsnpp& network, const VeSde& sde, std::int64_t batch)
    : NoiseLevels(network, sde,
                  Tensor({count, batch}, network.params().flat().dtype(),
                         network.params().flat().backend())) {}

void NoiseLevels::set(std::span<const double> times) {
  const std::size_t batch = times.size();
  visit(numbers.dtype(), [&]<class T>(T) {
    std::vector<T> values(count * batch);
    for (std::size_t b = 0; b < batch; ++b) {
      const auto of_sample = at(sde, rounded(times[b], numbers.dtype()));
      for (std::size_t i = 0; i < count; ++i) values[i * batch + b] = T(of_sample[i]);
    }
    numbers.backend().upload(values.data(), numbers);
  });
}

void NoiseLevels::set(double time) {
  const auto values = at(sde, rounded(time, numbers.dtype()));
  const Tensor* const parts[count] = {&t, &sigma, &unit, &skip};
  for (std::size_t i = 0; i < count; ++i)
    if (*parts[i]) numbers.backend().fill(*parts[i], values[i]);
}

static NoiseLevels levels_at(const Ncsnpp& network, const VeSde& sde, const Tensor& t) {
  NoiseLevels levels(network, sde, t.size());
  levels.set(t.numbers());
  return levels;
}

Tensor scaled_score(const Ncsnpp& network, const NoiseLevels& levels, const Tensor& x) {
  if (!levels.unit) return network(levels.t, x);
  const Tensor inside = network(levels.t, scale_samples(levels.unit, x));
  return add(scale_samples(levels.unit, inside), scale_samples(levels.skip, x));
}

Tensor scaled_score(const Ncsnpp& network, const VeSde& sde, const Tensor& t, const Tensor& x) {
  return scaled_score(network, levels_at(network, sde, t), x);
}

Tensor score(const Ncsnpp& network, const VeSde& sde, const Tensor& t, const Tensor& x) {
  const Tensor factor = empty_like(t);
  visit(t.dtype(), [&]<class T>(T) {
    std::vector<T> values = t.values<T>();
    for (T& v : values) v = T(1 / sde.sigma(double(v)));
    t.backend().upload(values.data(), factor);
  });
  return scale_samples(factor, scaled_score(network, sde, t, x));
}

Tensor denoising_losses(const Ncsnpp& network, const NoiseLevels& levels, const Tensor& x_0,
                        const Tensor& z) {
  const Tensor x_t = add(x_0, scale_samples(levels.sigma, z));
  return squared_norm(add(z, scaled_score(network, levels, x_t)));
}

Tensor denoising_losses(const Ncsnpp& network, const VeSde& sde, const Tensor& x_0, const Tensor& t,
                        const Tensor& z) {
  return denoising_losses(network, levels_at(network, sde, t), x_0, z);
}

double loss_weight(const LossOptions& o, double sigma) {
  if (o.weight == "edm") return 1 + sigma * sigma;
  if (o.weight == "min-snr") return std::min(1.0, o.min_snr_gamma * sigma * sigma);
  require(o.weight == "none", "the weight of the loss is '", o.weight,
          "'; expected none, edm or min-snr");
  return 1;
}

double training_time(const LossOptions& o, const VeSde& sde, std::int64_t b, std::int64_t B,
                     double random) {
  if (o.times == "stratified") return sde.T * (double(b) + random) / double(B);
  if (o.times == "log-normal") {
    const double sigma = std::exp(o.log_sigma_mean + o.log_sigma_deviation * random);
    return std::clamp(sde.time_of(sigma), 0.0, sde.T);
  }
  require(o.times == "uniform", "the times of training are '", o.times,
          "'; expected uniform, stratified or log-normal");
  return sde.T * random;
}

} // namespace lookback::nn
