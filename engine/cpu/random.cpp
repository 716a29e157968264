#include "engine/cpu/cpu_backend.hpp"

namespace lookback::cpu::LOOKBACK_ISA {
namespace {

// Fills sample b of x from stream `key` with draw = key.draw + b, four elements a Philox block.
template <class F> void fill_samples(const Stream& key, const Tensor& x, F&& four) {
  const std::int64_t batch = x.shape()[0], n = batch ? x.size() / batch : 0;
  visit(x.dtype(), [&]<class T>(T) {
    parallel_for(batch, [&](std::int64_t b) {
      Stream stream = key;
      stream.draw += std::uint32_t(b);
      for (std::int64_t i = 0; i < n; i += 4) {
        double value[4];
        four(stream.words(std::uint32_t(i / 4)), value);
        for (std::int64_t j = i; j < std::min(n, i + 4); ++j)
          x.data<T>()[b * n + j] = T(value[j - i]);
      }
    });
  });
}

} // namespace

void CpuBackend::normal(const Stream& key, const Tensor& x, const Tensor& step) {
  Stream stream = key;
  if (step) stream.step += std::uint32_t(*step.data<double>());
  fill_samples(stream, x, normals);
}

void CpuBackend::uniform(const Stream& key, const Tensor& x) {
  fill_samples(key, x, [](PhiloxBlock w, double u[4]) {
    for (int i = 0; i < 4; ++i) u[i] = to_unit(w.word[i]);
  });
}

} // namespace lookback::cpu::LOOKBACK_ISA
