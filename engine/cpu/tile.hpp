// Register tiles on GCC/Clang vector extensions: the inner loops of conv1d and its gradients. The
// same source serves float32 and float64 on AVX-512, AVX2 and what the compiler takes by default.
#pragma once

#include <cstdint>

namespace lookback::cpu::LOOKBACK_ISA {

// 2 x tile_rows accumulators fill the registers: 32 with AVX-512, else 16.
#if defined(LOOKBACK_ISA_avx512)
constexpr int vector_bytes = 64, tile_rows = 12;
#elif defined(LOOKBACK_ISA_avx2)
constexpr int vector_bytes = 32, tile_rows = 6;
#else
constexpr int vector_bytes = 16, tile_rows = 6;
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

// How the factors of a product are stored and added up: as they are,
template <class T> struct Plain {
  using Stored = T;
  using Sum = T;
  static void add(vec<Sum>& sum, const vec<Stored>& a, const vec<Stored>& b) { sum += a * b; }
};

// or as pairs of bfloat16, two channels in 32 bits, the first in the lower half. Products and sums
// are float32 (Intel, AVX512_BF16).
struct Bf16Pairs {
  using Stored = std::uint32_t;
  using Sum = float;
#ifdef LOOKBACK_ISA_avx512
  static void add(vec<Sum>& sum, const vec<Stored>& a, const vec<Stored>& b) {
    sum = vec<Sum>(_mm512_dpbf16_ps(__m512(sum), __m512bh(a), __m512bh(b)));
  }
#endif
};

// acc[i][v] += sum_k row[i][k] w[k][v]: `rows` inputs of `count` factors against `columns` vectors
// of weights, w advancing by `stride` elements per factor.
template <class M, int rows, int columns>
inline void multiply(const typename M::Stored* const* row, std::int64_t count,
                     const typename M::Stored* w, std::int64_t stride,
                     vec<typename M::Sum> (&acc)[rows][columns]) {
  using T = typename M::Stored;
  const T* r[rows];
  for (int i = 0; i < rows; ++i) r[i] = row[i] + count;
  for (std::int64_t k = -count; k < 0; ++k, w += stride) {
    vec<T> b[columns];
    for (int v = 0; v < columns; ++v) b[v] = at(w + v * lanes<T>);
#pragma GCC unroll 16
    for (int i = 0; i < rows; ++i) {
      const vec<T> a = broadcast(r[i][k]);
#pragma GCC unroll 4
      for (int v = 0; v < columns; ++v) M::add(acc[i][v], a, b[v]);
    }
  }
}

} // namespace lookback::cpu::LOOKBACK_ISA
