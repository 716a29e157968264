// Activations: value and slope, the same source for the CPU's loops and the GPU's kernels.
#pragma once

#include "engine/backend.hpp"

#include <bit>
#include <cmath>

namespace lookback::scalar {

// exp(x) in straight-line code, so that a loop over it becomes vector instructions. Cody & Waite
// reduction x = n ln 2 + r, Taylor series to r^7 (error 2e-8 relative), 2^n by exponent bits;
// inputs are clamped to where float32 has normal numbers.
LOOKBACK_HOST_DEVICE inline float exponential(float x) {
#ifdef __CUDA_ARCH__
  return expf(x);
#else
  x = x < -87.0f ? -87.0f : x > 88.0f ? 88.0f : x;
  const float shifted = x * 1.44269504f + 12582912.0f; // adding 1.5 2^23 rounds to an integer
  const float n = shifted - 12582912.0f;
  const float r = (x - n * 0.693359375f) + n * 2.12194440e-4f;
  float p = 1.98412698e-4f;
  p = p * r + 1.38888889e-3f;
  p = p * r + 8.33333333e-3f;
  p = p * r + 4.16666667e-2f;
  p = p * r + 1.66666667e-1f;
  p = p * r + 0.5f;
  p = p * r + 1.0f;
  p = p * r + 1.0f;
  return p * std::bit_cast<float>((std::int32_t(n) + 127) << 23);
#endif
}
LOOKBACK_HOST_DEVICE inline double exponential(double x) {
  return exp(x);
}

struct None {
  template <class T> LOOKBACK_HOST_DEVICE static T value(T x) { return x; }
  template <class T> LOOKBACK_HOST_DEVICE static T slope(T) { return T(1); }
};
struct Silu {
  template <class T> LOOKBACK_HOST_DEVICE static T value(T x) {
    return x / (T(1) + exponential(-x));
  }
  template <class T> LOOKBACK_HOST_DEVICE static T slope(T x) {
    const T s = T(1) / (T(1) + exponential(-x));
    return s * (T(1) + x * (T(1) - s));
  }
};
struct Relu {
  template <class T> LOOKBACK_HOST_DEVICE static T value(T x) { return x > T(0) ? x : T(0); }
  template <class T> LOOKBACK_HOST_DEVICE static T slope(T x) { return x > T(0) ? T(1) : T(0); }
};
struct Elu {
  template <class T> LOOKBACK_HOST_DEVICE static T value(T x) { return x > T(0) ? x : T(expm1(x)); }
  template <class T> LOOKBACK_HOST_DEVICE static T slope(T x) {
    return x > T(0) ? T(1) : T(exp(x));
  }
};
struct Tanh {
  template <class T> LOOKBACK_HOST_DEVICE static T value(T x) { return T(tanh(x)); }
  template <class T> LOOKBACK_HOST_DEVICE static T slope(T x) {
    const T y = T(tanh(x));
    return T(1) - y * y;
  }
};

template <class F> void visit_activation(Activation kind, F&& f) {
  switch (kind) {
  case Activation::none:
    return f(None{});
  case Activation::silu:
    return f(Silu{});
  case Activation::relu:
    return f(Relu{});
  case Activation::elu:
    return f(Elu{});
  case Activation::tanh:
    return f(Tanh{});
  }
}

} // namespace lookback::scalar
