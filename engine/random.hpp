// Counter-based random numbers: Philox 4x32-10 (Salmon et al. 2011, SC'11). A number is a function
// of (seed, purpose, object, draw, step, element) alone, so it does not depend on batch size,
// thread count, rank or device. Logarithm, sine and cosine are spelled out in fused multiply-adds,
// so that the CPU and a GPU give the same bits.
#pragma once

#include <array>
#include <cmath>
#include <cstdint>
#include <cstring>

#ifdef __CUDACC__
#define LOOKBACK_HOST_DEVICE __host__ __device__
#else
#define LOOKBACK_HOST_DEVICE
#endif

namespace lookback {

struct PhiloxBlock {
  std::uint32_t word[4];
};

LOOKBACK_HOST_DEVICE inline PhiloxBlock philox(PhiloxBlock counter, std::uint32_t key_0,
                                               std::uint32_t key_1) {
  for (int round = 0; round < 10; ++round) {
    const std::uint64_t a = std::uint64_t(0xD2511F53u) * counter.word[0];
    const std::uint64_t b = std::uint64_t(0xCD9E8D57u) * counter.word[2];
    counter = {{std::uint32_t(b >> 32) ^ counter.word[1] ^ key_0, std::uint32_t(b),
                std::uint32_t(a >> 32) ^ counter.word[3] ^ key_1, std::uint32_t(a)}};
    key_0 += 0x9E3779B9u;
    key_1 += 0xBB67AE85u;
  }
  return counter;
}

// What a stream of numbers is for; keeps streams of one seed apart.
enum class Purpose : std::uint32_t {
  weights = 1,
  training_noise,
  training_time,
  shuffle,
  sampler_start,
  sampler_step,
  likelihood_variance,
  hutchinson,
  observation_noise,
  synthetic_history,
  split,
  mixture,
  posterior_draw,
  sampler_corrector,
  posterior_move,
  posterior_accept,
  posterior_noise
};

struct Stream {
  std::uint64_t seed = 0; // below 2^56: the purpose is mixed into the top byte
  Purpose purpose = Purpose::weights;
  std::uint32_t object = 0, draw = 0, step = 0;

  // The four 32-bit words of elements 4 block ... 4 block + 3.
  LOOKBACK_HOST_DEVICE PhiloxBlock words(std::uint32_t block) const {
    return philox({{block, step, draw, object}}, std::uint32_t(seed),
                  std::uint32_t(seed >> 32) ^ (std::uint32_t(purpose) << 24));
  }
  LOOKBACK_HOST_DEVICE std::uint32_t word(std::uint64_t element) const {
    return words(std::uint32_t(element / 4)).word[element % 4];
  }
  LOOKBACK_HOST_DEVICE double uniform(std::uint64_t element) const; // in (0, 1), 32 bits
  LOOKBACK_HOST_DEVICE double normal(std::uint64_t element) const;  // N(0, 1)
};

// ln(u) for u in (0, 1), relative error about 1e-15 away from 1: u = m 2^e with m in [sqrt(1/2),
// sqrt(2)), ln m = 2 atanh((m - 1)/(m + 1)).
LOOKBACK_HOST_DEVICE inline double portable_log(double u) {
  std::uint64_t bits;
  std::memcpy(&bits, &u, 8);
  int exponent = int(bits >> 52) - 1023;
  bits = (bits & 0xFFFFFFFFFFFFFull) | 0x3FF0000000000000ull;
  double m;
  std::memcpy(&m, &bits, 8);
  if (m > 1.4142135623730951) {
    m *= 0.5;
    ++exponent;
  }
  const double r = (m - 1) / (m + 1), s = r * r;
  double series = 1.0 / 23;
  for (int odd = 21; odd >= 1; odd -= 2) series = fma(series, s, 1.0 / odd);
  return fma(double(exponent), 0.6931471805599453, 2 * r * series);
}

// sin and cos of (pi/2) f for f in [0, 1), by their Taylor series to f^17.
LOOKBACK_HOST_DEVICE inline void portable_sincos_quarter(double f, double& sine, double& cosine) {
  const double x = f * 1.5707963267948966, s = x * x;
  sine = cosine = 1;
  for (int n = 18; n >= 2; n -= 2) {
    cosine = fma(-s / double(n * (n - 1)), cosine, 1.0);
    sine = fma(-s / double(n * (n + 1)), sine, 1.0);
  }
  sine *= x;
}

LOOKBACK_HOST_DEVICE inline double to_unit(std::uint32_t word) {
  return fma(double(word), 0x1p-32, 0x1p-33);
}

LOOKBACK_HOST_DEVICE inline double Stream::uniform(std::uint64_t element) const {
  return to_unit(word(element));
}

// Box and Muller: words (0, 1) give normals 0 and 1, words (2, 3) give normals 2 and 3.
LOOKBACK_HOST_DEVICE inline void normals(PhiloxBlock w, double z[4]) {
  for (int pair = 0; pair < 4; pair += 2) {
    const double radius = sqrt(-2 * portable_log(to_unit(w.word[pair])));
    const std::uint32_t angle = w.word[pair + 1];
    double sine, cosine;
    portable_sincos_quarter(to_unit(angle << 2), sine, cosine);
    const std::uint32_t quadrant = angle >> 30;
    const double c = quadrant & 1 ? -sine : cosine, s = quadrant & 1 ? cosine : sine;
    z[pair] = radius * (quadrant & 2 ? -c : c);
    z[pair + 1] = radius * (quadrant & 2 ? -s : s);
  }
}

LOOKBACK_HOST_DEVICE inline double Stream::normal(std::uint64_t element) const {
  double z[4];
  normals(words(std::uint32_t(element / 4)), z);
  return z[element % 4];
}

} // namespace lookback
