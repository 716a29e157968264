#include "engine/cpu/cpu_backend.hpp"

namespace lookback::cpu::LOOKBACK_ISA {

void CpuBackend::adam(const AdamStep& step, const Tensor& gradient,
                      const Tensor& gradient_norm_squared, const Tensor& moment_1,
                      const Tensor& moment_2, const Tensor& value, const Tensor& average) {
  visit(value.dtype(), [&]<class T>(T) {
    const double norm = std::sqrt(double(*gradient_norm_squared.data<T>()));
    const T clip = step.clip_norm > 0 ? T(std::min(1.0, step.clip_norm / (norm + 1e-6))) : T(1);
    const T beta_1 = T(step.beta_1), beta_2 = T(step.beta_2), epsilon = T(step.epsilon);
    const T rate = T(step.learning_rate / step.bias_correction_1);
    const T root = T(std::sqrt(step.bias_correction_2)), forget = T(1 - step.ema_decay);
    T *m = moment_1.data<T>(), *v = moment_2.data<T>(), *p = value.data<T>(),
      *s = average.data<T>();
    for_ranges(value.size(), 1 << 14, [&](std::int64_t first, std::int64_t last) {
      for (std::int64_t i = first; i < last; ++i) {
        const T g = clip * gradient.data<T>()[i];
        m[i] += (1 - beta_1) * (g - m[i]);
        v[i] = beta_2 * v[i] + (1 - beta_2) * g * g;
        p[i] -= rate * m[i] / (std::sqrt(v[i]) / root + epsilon);
        s[i] -= forget * (s[i] - p[i]);
      }
    });
  });
}

} // namespace lookback::cpu::LOOKBACK_ISA
