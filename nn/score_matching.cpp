#include "nn/score_matching.hpp"

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

Tensor score(const Ncsnpp& network, const VeSde& sde, const Tensor& t, const Tensor& x) {
  return scale_samples(map_times(t, [&](double v) { return 1 / sde.sigma(v); }), network(t, x));
}

Tensor denoising_losses(const Ncsnpp& network, const VeSde& sde, const Tensor& x_0, const Tensor& t,
                        const Tensor& z) {
  const Tensor x_t = add(x_0, scale_samples(sigma_of(sde, t), z));
  return squared_norm(add(z, network(t, x_t)));
}

} // namespace lookback::nn
