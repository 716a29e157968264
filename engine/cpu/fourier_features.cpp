#include "engine/cpu/cpu_backend.hpp"

#include <numbers>

namespace lookback::cpu::LOOKBACK_ISA {

// The products in this order and type, as score_models rounds them: p reaches hundreds of radians.
template <class T> static T phase(T t, T w) {
  return ((t * w) * T(2)) * std::numbers::pi_v<T>;
}

void CpuBackend::fourier_features(const Tensor& t, const Tensor& w, const Tensor& y) {
  const std::int64_t batch = t.size(), n = w.size();
  visit(t.dtype(), [&]<class T>(T) {
    for (std::int64_t b = 0; b < batch; ++b)
      for (std::int64_t i = 0; i < n; ++i) {
        const T p = phase(t.data<T>()[b], w.data<T>()[i]);
        y.data<T>()[b * 2 * n + i] = std::sin(p);
        y.data<T>()[b * 2 * n + n + i] = std::cos(p);
      }
  });
}

void CpuBackend::fourier_features_backward(const Tensor& t, const Tensor& w, const Tensor& dy,
                                           Out dt) {
  const std::int64_t batch = t.size(), n = w.size();
  visit(t.dtype(), [&]<class T>(T) {
    for (std::int64_t b = 0; b < batch; ++b) {
      const T* d = dy.data<T>() + b * 2 * n;
      T sum = 0;
      for (std::int64_t i = 0; i < n; ++i) {
        const T p = phase(t.data<T>()[b], w.data<T>()[i]);
        sum += phase(T(1), w.data<T>()[i]) * (d[i] * std::cos(p) - d[n + i] * std::sin(p));
      }
      T& target = dt.tensor.data<T>()[b];
      target = (dt.add ? target : T(0)) + sum;
    }
  });
}

} // namespace lookback::cpu::LOOKBACK_ISA
