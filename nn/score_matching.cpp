#include "nn/score_matching.hpp"

#include <algorithm>
#include <cmath>

namespace lookback::nn {

// f(t) of every sample, t rounded to the number type of `to`.
template <class F> static void map_times(const Tensor& t, const Tensor& to, F&& f) {
  visit(to.dtype(), [&]<class T>(T) {
    std::vector<T> values = t.values<T>();
    for (T& v : values) v = T(f(double(v)));
    to.backend().upload(values.data(), to);
  });
}
template <class F> static void map_times(double t, const Tensor& to, F&& f) {
  to.backend().fill(to, f(to.dtype() == DType::f32 ? double(float(t)) : t));
}

template <class Times> static void set_levels(const NoiseLevels& levels, const Times& t) {
  const VeSde& sde = levels.sde;
  const auto variance = [&](double v) { return 1 + sde.sigma(v) * sde.sigma(v); };
  map_times(t, levels.sigma, [&](double v) { return sde.sigma(v); });
  if (!levels.unit) return;
  map_times(t, levels.unit, [&](double v) { return 1 / std::sqrt(variance(v)); });
  map_times(t, levels.skip, [&](double v) { return -sde.sigma(v) / variance(v); });
}

NoiseLevels::NoiseLevels(const Ncsnpp& network, const VeSde& sde, std::int64_t batch)
    : sde(sde), t({batch}, network.params().flat().dtype(), network.params().flat().backend()),
      sigma(empty_like(t)) {
  if (network.config().preconditioned) unit = empty_like(t), skip = empty_like(t);
}

NoiseLevels::NoiseLevels(const Ncsnpp& network, const VeSde& sde, const Tensor& t)
    : NoiseLevels(network, sde, t.size()) {
  set(t);
}

void NoiseLevels::set(const Tensor& times) {
  t.backend().copy(times, t);
  set_levels(*this, times);
}

void NoiseLevels::set(double time) {
  t.backend().fill(t, time);
  set_levels(*this, time);
}

Tensor scaled_score(const Ncsnpp& network, const NoiseLevels& levels, const Tensor& x) {
  if (!levels.unit) return network(levels.t, x);
  const Tensor inside = network(levels.t, scale_samples(levels.unit, x));
  return add(scale_samples(levels.unit, inside), scale_samples(levels.skip, x));
}

Tensor scaled_score(const Ncsnpp& network, const VeSde& sde, const Tensor& t, const Tensor& x) {
  return scaled_score(network, NoiseLevels(network, sde, t), x);
}

Tensor score(const Ncsnpp& network, const VeSde& sde, const Tensor& t, const Tensor& x) {
  const Tensor factor = empty_like(t);
  map_times(t, factor, [&](double v) { return 1 / sde.sigma(v); });
  return scale_samples(factor, scaled_score(network, sde, t, x));
}

Tensor denoising_losses(const Ncsnpp& network, const NoiseLevels& levels, const Tensor& x_0,
                        const Tensor& z) {
  const Tensor x_t = add(x_0, scale_samples(levels.sigma, z));
  return squared_norm(add(z, scaled_score(network, levels, x_t)));
}

Tensor denoising_losses(const Ncsnpp& network, const VeSde& sde, const Tensor& x_0, const Tensor& t,
                        const Tensor& z) {
  return denoising_losses(network, NoiseLevels(network, sde, t), x_0, z);
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
