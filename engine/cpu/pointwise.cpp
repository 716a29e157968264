#include "engine/cpu/cpu_backend.hpp"

namespace lookback::cpu::LOOKBACK_ISA {
namespace {

constexpr std::int64_t piece = 1 << 14; // elements a thread takes at a time

template <class T, class F> void map(std::int64_t n, Out y, F&& f) {
  T* out = y.tensor.data<T>();
  for_ranges(n, piece, [&](std::int64_t first, std::int64_t last) {
    if (y.add)
      for (std::int64_t i = first; i < last; ++i) out[i] += f(i);
    else
      for (std::int64_t i = first; i < last; ++i) out[i] = f(i);
  });
}

} // namespace

void CpuBackend::fill(const Tensor& x, double value) {
  visit(x.dtype(), [&]<class T>(T) {
    map<T>(x.size(), {x, false}, [v = T(value)](std::int64_t) { return v; });
  });
}

void CpuBackend::activate(Activation kind, const Tensor& x, const Tensor& y) {
  visit(x.dtype(), [&]<class T>(T) {
    scalar::visit_activation(kind, [&]<class F>(F) {
      map<T>(x.size(), {y, false}, [in = x.data<T>()](std::int64_t i) { return F::value(in[i]); });
    });
  });
}

void CpuBackend::activate_backward(Activation kind, const Tensor& x, const Tensor& dy, Out dx) {
  visit(x.dtype(), [&]<class T>(T) {
    scalar::visit_activation(kind, [&]<class F>(F) {
      map<T>(x.size(), dx, [in = x.data<T>(), d = dy.data<T>()](std::int64_t i) {
        return d[i] * F::slope(in[i]);
      });
    });
  });
}

void CpuBackend::scale(double factor, const Tensor& x, Out y) {
  visit(x.dtype(), [&]<class T>(T) {
    map<T>(x.size(), y, [a = T(factor), in = x.data<T>()](std::int64_t i) { return a * in[i]; });
  });
}

void CpuBackend::scale_samples(const Tensor& factor, const Tensor& x, Out y) {
  const std::int64_t batch = x.shape()[0], per_sample = batch ? x.size() / batch : 0;
  visit(x.dtype(), [&]<class T>(T) {
    const T *a = factor.data<T>(), *in = x.data<T>();
    T* out = y.tensor.data<T>();
    parallel_for(batch, [&](std::int64_t b) {
      for (std::int64_t i = b * per_sample; i < (b + 1) * per_sample; ++i)
        out[i] = (y.add ? out[i] : T(0)) + a[b] * in[i];
    });
  });
}

void CpuBackend::spread_row(const Tensor& table, const Tensor& row, const Tensor& y) {
  const std::int64_t width = table.shape()[1], each = y.size() / width;
  const std::int64_t first = std::int64_t(*row.data<double>()) * width;
  visit(y.dtype(), [&]<class T>(T) {
    for (std::int64_t k = 0; k < width; ++k)
      std::fill_n(y.data<T>() + k * each, each, table.data<T>()[first + k]);
  });
}

void CpuBackend::copy_channels(const Tensor& x, std::int64_t from, Out y, std::int64_t to,
                               std::int64_t n) {
  const Signal in(x), out(y.tensor);
  visit(x.dtype(), [&]<class T>(T) {
    for_ranges(in.rows(), 64, [&](std::int64_t first, std::int64_t last) {
      for (std::int64_t row = first; row < last; ++row) {
        const T* source = x.data<T>() + row * in.channels + from;
        T* target = y.tensor.data<T>() + row * out.channels + to;
        for (std::int64_t c = 0; c < n; ++c) target[c] = (y.add ? target[c] : T(0)) + source[c];
      }
    });
  });
}

} // namespace lookback::cpu::LOOKBACK_ISA
