#include "nn/score_matching.hpp"

#include <algorithm>
#include <cmath>

namespace lookback::nn {

template <class F> static Tensor map_times(const Tensor& t, F&& f) {
  Tensor y = empty_like(t);
  visit(t.dtype(), [&]<class T>(T) {
    std::vector<T> values = t.values<T>();
    for (T& v : values) v = T(f(double(v)));
    t.backend().upload(values.data(), y);
  });
  return y;
}

Tensor sigma_of(const VeSde& sde, const Tensor& t) {
  return map_times(t, [&](double v) { return sde.sigma(v); });
}

Tensor scaled_score(const Ncsnpp& network, const VeSde& sde, const Tensor& t, const Tensor& x) {
  if (!network.config().preconditioned) return network(t, x);
  const auto variance = [&](double v) { return 1 + sde.sigma(v) * sde.sigma(v); };
  const Tensor unit = map_times(t, [&](double v) { return 1 / std::sqrt(variance(v)); }),
               skip = map_times(t, [&](double v) { return -sde.sigma(v) / variance(v); });
  return add(scale_samples(unit, network(t, scale_samples(unit, x))), scale_samples(skip, x));
}

Tensor score(const Ncsnpp& network, const VeSde& sde, const Tensor& t, const Tensor& x) {
  return scale_samples(map_times(t, [&](double v) { return 1 / sde.sigma(v); }),
                       scaled_score(network, sde, t, x));
}

Tensor denoising_losses(const Ncsnpp& network, const VeSde& sde, const Tensor& x_0, const Tensor& t,
                        const Tensor& z) {
  const Tensor x_t = add(x_0, scale_samples(sigma_of(sde, t), z));
  return squared_norm(add(z, scaled_score(network, sde, t, x_t)));
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
