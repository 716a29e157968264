#include "engine/cpu/cpu_backend.hpp"

namespace lookback::cpu::LOOKBACK_ISA {

void CpuBackend::resample(const Resampling& f, const Tensor& x, Out y) {
  const Signal in(x), out(y.tensor);
  const std::int64_t C = in.channels, taps = std::int64_t(f.taps.size());
  visit(x.dtype(), [&]<class T>(T) {
    parallel_for(in.batch, [&](std::int64_t b) {
      for (std::int64_t m = 0; m < out.length; ++m) {
        T* __restrict target = y.tensor.data<T>() + (b * out.length + m) * C;
        if (!y.add) std::fill_n(target, C, T(0));
        // Tap j meets input n where up n = down m - offset + j.
        for (std::int64_t j = 0; j < taps; ++j) {
          const std::int64_t position = f.down * m - f.offset + j, n = position / f.up;
          if (position < 0 || position % f.up || n >= in.length) continue;
          const T h = T(f.taps[std::size_t(j)]);
          const T* __restrict source = x.data<T>() + (b * in.length + n) * C;
          for (std::int64_t c = 0; c < C; ++c) target[c] += h * source[c];
        }
      }
    });
  });
}

} // namespace lookback::cpu::LOOKBACK_ISA
