// Register tiles on GCC/Clang vector extensions: the inner loops of conv1d and its gradients. The
// same source serves float32 and float64, AVX-512 and AVX2.
#pragma once

#include <cstdint>

namespace lookback::cpu {

#ifdef __AVX512F__
constexpr int vector_bytes = 64;
constexpr int tile_rows = 12; // 12 x 2 accumulators of the 32 registers
#else
constexpr int vector_bytes = 32;
constexpr int tile_rows = 6; // 6 x 2 accumulators of the 16 registers
#endif

template <class T> struct Vector {
  static constexpr int lanes = vector_bytes / sizeof(T);
  typedef T type __attribute__((vector_size(vector_bytes), aligned(sizeof(T)), may_alias));
};

template <class T> using vec = typename Vector<T>::type;
template <class T> constexpr int lanes = Vector<T>::lanes;

template <class T> inline vec<T>& at(T* p) {
  return *reinterpret_cast<vec<T>*>(p);
}
template <class T> inline const vec<T>& at(const T* p) {
  return *reinterpret_cast<const vec<T>*>(p);
}

// All lanes x. Subtracting 0 changes no bit, adding it would (-0): only so it costs no instruction.
template <class T> inline vec<T> broadcast(T x) {
  return x - vec<T>{};
}

// acc[i][v] += sum_k row[i][k] w[k][v]: `rows` inputs of `count` channels against `columns` vectors
// of weights, w advancing by `stride` elements per channel.
template <class T, int rows, int columns>
inline void multiply(const T* const* row, std::int64_t count, const T* w, std::int64_t stride,
                     vec<T> (&acc)[rows][columns]) {
  const T* r[rows];
  for (int i = 0; i < rows; ++i) r[i] = row[i] + count;
  for (std::int64_t k = -count; k < 0; ++k, w += stride) {
    vec<T> b[columns];
    for (int v = 0; v < columns; ++v) b[v] = at(w + v * lanes<T>);
#pragma GCC unroll 16
    for (int i = 0; i < rows; ++i) {
      const vec<T> a = broadcast(r[i][k]);
#pragma GCC unroll 4
      for (int v = 0; v < columns; ++v) acc[i][v] += a * b[v];
    }
  }
}

} // namespace lookback::cpu
