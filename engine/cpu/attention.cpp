#include "engine/cpu/cpu_backend.hpp"

namespace lookback::cpu::LOOKBACK_ISA {
namespace {

// weights[i][j] = softmax_j(q_i k_j / sqrt C) of one sample; rows of qkv are [q | k | v].
template <class T> void softmax_weights(const T* qkv, std::int64_t L, std::int64_t C, T* weights) {
  const T scale = 1 / std::sqrt(T(C));
  for (std::int64_t i = 0; i < L; ++i) {
    T* row = weights + i * L;
    T largest = -std::numeric_limits<T>::infinity(), sum = 0;
    for (std::int64_t j = 0; j < L; ++j) {
      const T *q = qkv + i * 3 * C, *k = qkv + j * 3 * C + C;
      T dot = 0;
      for (std::int64_t c = 0; c < C; ++c) dot += q[c] * k[c];
      row[j] = dot * scale;
      largest = std::max(largest, row[j]);
    }
    for (std::int64_t j = 0; j < L; ++j) sum += row[j] = scalar::exponential(row[j] - largest);
    for (std::int64_t j = 0; j < L; ++j) row[j] /= sum;
  }
}

template <class T> void add_scaled(T* to, T factor, const T* from, std::int64_t n) {
  for (std::int64_t c = 0; c < n; ++c) to[c] += factor * from[c];
}

} // namespace

void CpuBackend::attention(const Tensor& qkv, const Tensor& y) {
  const Signal s(y);
  const std::int64_t L = s.length, C = s.channels;
  Tensor scratch({s.batch, L * L}, y.dtype(), *this);
  visit(y.dtype(), [&]<class T>(T) {
    parallel_for(s.batch, [&](std::int64_t b) {
      const T* in = qkv.data<T>() + b * L * 3 * C;
      T *weights = scratch.data<T>() + b * L * L, *out = y.data<T>() + b * L * C;
      softmax_weights(in, L, C, weights);
      std::fill_n(out, L * C, T(0));
      for (std::int64_t i = 0; i < L; ++i)
        for (std::int64_t j = 0; j < L; ++j)
          add_scaled(out + i * C, weights[i * L + j], in + j * 3 * C + 2 * C, C);
    });
  });
}

void CpuBackend::attention_backward(const Tensor& qkv, const Tensor& dy, Out dqkv) {
  const Signal s(dy);
  const std::int64_t L = s.length, C = s.channels;
  Tensor scratch({s.batch, L * L + L}, dy.dtype(), *this);
  visit(dy.dtype(), [&]<class T>(T) {
    const T scale = 1 / std::sqrt(T(C));
    parallel_for(s.batch, [&](std::int64_t b) {
      const T *in = qkv.data<T>() + b * L * 3 * C, *d = dy.data<T>() + b * L * C;
      T *weights = scratch.data<T>() + b * (L * L + L), *slope = weights + L * L;
      T* out = dqkv.tensor.data<T>() + b * L * 3 * C;
      if (!dqkv.add) std::fill_n(out, L * 3 * C, T(0));
      softmax_weights(in, L, C, weights);
      for (std::int64_t i = 0; i < L; ++i) {
        T mean = 0;
        for (std::int64_t j = 0; j < L; ++j) {
          const T p = weights[i * L + j], *v = in + j * 3 * C + 2 * C;
          add_scaled(out + j * 3 * C + 2 * C, p, d + i * C, C);
          T dot = 0;
          for (std::int64_t c = 0; c < C; ++c) dot += d[i * C + c] * v[c];
          slope[j] = dot;
          mean += p * dot;
        }
        for (std::int64_t j = 0; j < L; ++j) {
          const T ds = weights[i * L + j] * (slope[j] - mean) * scale;
          add_scaled(out + i * 3 * C, ds, in + j * 3 * C + C, C);
          add_scaled(out + j * 3 * C + C, ds, in + i * 3 * C, C);
        }
      }
    });
  });
}

} // namespace lookback::cpu::LOOKBACK_ISA
