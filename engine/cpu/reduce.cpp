// Sums. Partial sums have fixed borders and are added in a fixed order in float64, so the result
// does not depend on the number of threads.
#include "engine/cpu/cpu_backend.hpp"

namespace lookback::cpu::LOOKBACK_ISA {
namespace {

constexpr std::int64_t piece = 1 << 14;

template <class T, class F> double ordered_sum(std::int64_t n, F&& term) {
  std::vector<double> partial(std::size_t((n + piece - 1) / piece));
  for_ranges(n, piece, [&](std::int64_t first, std::int64_t last) {
    double sum = 0;
    for (std::int64_t i = first; i < last; ++i) sum += double(term(i));
    partial[std::size_t(first / piece)] = sum;
  });
  double total = 0;
  for (double p : partial) total += p;
  return total;
}

} // namespace

void CpuBackend::squared_norm(const Tensor& x, const Tensor& y) {
  const std::int64_t batch = x.shape()[0], per_sample = batch ? x.size() / batch : 0;
  visit(x.dtype(), [&]<class T>(T) {
    for (std::int64_t b = 0; b < batch; ++b) {
      const T* in = x.data<T>() + b * per_sample;
      y.data<T>()[b] =
          T(ordered_sum<T>(per_sample, [in](std::int64_t i) { return double(in[i]) * in[i]; }));
    }
  });
}

void CpuBackend::squared_norm_backward(const Tensor& x, const Tensor& dy, Out dx) {
  const std::int64_t batch = x.shape()[0], per_sample = batch ? x.size() / batch : 0;
  visit(x.dtype(), [&]<class T>(T) {
    const T* in = x.data<T>();
    T* out = dx.tensor.data<T>();
    parallel_for(batch, [&](std::int64_t b) {
      const T factor = 2 * dy.data<T>()[b];
      for (std::int64_t i = b * per_sample; i < (b + 1) * per_sample; ++i)
        out[i] = (dx.add ? out[i] : T(0)) + factor * in[i];
    });
  });
}

void CpuBackend::mean(const Tensor& x, const Tensor& y) {
  visit(x.dtype(), [&]<class T>(T) {
    const double sum =
        ordered_sum<T>(x.size(), [in = x.data<T>()](std::int64_t i) { return in[i]; });
    *y.data<T>() = T(sum / double(x.size()));
  });
}

void CpuBackend::mean_backward(const Tensor& dy, Out dx) {
  visit(dy.dtype(), [&]<class T>(T) {
    const T each = *dy.data<T>() / T(dx.tensor.size());
    T* out = dx.tensor.data<T>();
    for_ranges(dx.tensor.size(), piece, [&](std::int64_t first, std::int64_t last) {
      for (std::int64_t i = first; i < last; ++i) out[i] = (dx.add ? out[i] : T(0)) + each;
    });
  });
}

void CpuBackend::sum_rows(double factor, const Tensor& x, Out y) {
  const Signal s(x);
  visit(x.dtype(), [&]<class T>(T) {
    const std::int64_t rows_per_piece = 256,
                       pieces = (s.rows() + rows_per_piece - 1) / rows_per_piece;
    Tensor partial({pieces, s.channels}, x.dtype(), *this);
    for_ranges(s.rows(), rows_per_piece, [&](std::int64_t first, std::int64_t last) {
      T* sum = partial.data<T>() + first / rows_per_piece * s.channels;
      std::fill_n(sum, s.channels, T(0));
      for (std::int64_t row = first; row < last; ++row)
        for (std::int64_t c = 0; c < s.channels; ++c) sum[c] += x.data<T>()[row * s.channels + c];
    });
    T* out = y.tensor.data<T>();
    for (std::int64_t c = 0; c < s.channels; ++c) {
      double sum = 0;
      for (std::int64_t p = 0; p < pieces; ++p)
        sum += double(partial.data<T>()[p * s.channels + c]);
      out[c] = (y.add ? out[c] : T(0)) + T(factor * sum);
    }
  });
}

void CpuBackend::sum_length(double factor, const Tensor& x, Out y) {
  const Signal s(x);
  visit(x.dtype(), [&]<class T>(T) {
    parallel_for(s.batch, [&](std::int64_t b) {
      T* out = y.tensor.data<T>() + b * s.channels;
      if (!y.add) std::fill_n(out, s.channels, T(0));
      for (std::int64_t l = 0; l < s.length; ++l)
        for (std::int64_t c = 0; c < s.channels; ++c)
          out[c] += T(factor) * x.data<T>()[(b * s.length + l) * s.channels + c];
    });
  });
}

} // namespace lookback::cpu::LOOKBACK_ISA
