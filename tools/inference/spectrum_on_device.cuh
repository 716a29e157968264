// S(x) of a galaxy and its derivative by one block of threads, as SpectrumData
// (compressed_spectrum.hpp) has them.
#pragma once

#include "cuda/block_algebra.cuh"
#include "tools/inference/level_on_device.hpp"

namespace lookback::tools {

using namespace cuda;

// Pieces of a block of doubles, one after the other; without a block, only counted.
struct Arrays {
  double* base;
  Index used = 0;
  __host__ __device__ double* take(Index n) {
    double* piece = base ? base + used : nullptr;
    used += n;
    return piece;
  }
  __host__ __device__ int* take_ints(Index n) { return reinterpret_cast<int*>(take((n + 1) / 2)); }
};

struct Sizes {
  int D, free, X, S, nodes, K; // S: of the data
  int bins, formed, rank;      // rank: the largest of a peak
};

struct Spectrum {
  Sizes sizes;
  bool asinh;
  int metallicities;
  double floor;
  SpectrumOnDevice::Free parameter[SpectrumOnDevice::most_free];
  const double *y, *r, *log_z, *mean, *std, *axes;
};

// What S and its derivative at one x are made of.
struct At {
  double *rate, *rate_slope;   // [bins], by x
  double *share, *share_slope; // [bins], of the upper of two metallicities
  int* lower;                  // [bins]
  int* upper;
  double *node, *node_slope; // [nodes], [free, nodes]: weights of the nodes, by u
  double* by_node;           // [nodes, S]: S at each node

  __host__ __device__ At(Arrays& a, const Sizes& s)
      : rate(a.take(s.bins)), rate_slope(a.take(s.bins)), share(a.take(s.bins)),
        share_slope(a.take(s.bins)), lower(a.take_ints(s.bins)), upper(a.take_ints(s.bins)),
        node(a.take(s.nodes)), node_slope(a.take(Index(s.nodes) * s.free)),
        by_node(a.take(Index(s.nodes) * s.S)) {}
};

__device__ inline double value_of(const SpectrumOnDevice::Free& p, double u) {
  if (p.error > 0) return min(max(0.5 * (p.low + p.high) + p.error * u, p.low), p.high);
  return p.low + (p.high - p.low) * 0.5 * erfc(-u / 1.4142135623730951);
}
__device__ inline double slope_of(const SpectrumOnDevice::Free& p, double u) {
  if (p.error > 0) return fabs(p.error * u) < 0.5 * (p.high - p.low) ? p.error : 0;
  return (p.high - p.low) * exp(-0.5 * u * u) / 2.5066282746310002;
}

// Lagrange's polynomial of one node, and its derivative.
__device__ inline double2 lagrange(const double* nodes, int count, int i, double v) {
  double2 f = {1, 0};
  for (int j = 0; j < count; ++j) {
    if (j == i) continue;
    const double scale = 1 / (nodes[i] - nodes[j]);
    f.y = (f.y * (v - nodes[j]) + f.x) * scale;
    f.x *= (v - nodes[j]) * scale;
  }
  return f;
}

__device__ inline void interpolate_nodes(const Spectrum& s, const At& at, const double* x) {
  for_each(s.sizes.nodes, [&](int k) {
    double value = 1, slope[SpectrumOnDevice::most_free] = {1, 1, 1};
    const double* axis = s.axes;
    int rest = k;
    for (int q = 0; q < s.sizes.free; ++q) {
      const SpectrumOnDevice::Free& p = s.parameter[q];
      const double u = x[s.sizes.D + q];
      const double2 f = lagrange(axis, p.nodes, rest % p.nodes, value_of(p, u));
      value *= f.x;
      for (int other = 0; other < s.sizes.free; ++other)
        slope[other] *= other == q ? f.y * slope_of(p, u) : f.x;
      rest /= p.nodes;
      axis += p.nodes;
    }
    at.node[k] = value;
    for (int q = 0; q < s.sizes.free; ++q) at.node_slope[q * s.sizes.nodes + k] = slope[q];
  });
}

__device__ inline void histories(const Spectrum& s, const At& at, const double* x) {
  for_each(s.sizes.bins, [&](int l) {
    const double v = x[2 * l] * s.std[l] + s.mean[l];
    at.rate[l] = s.asinh ? s.floor * sinh(v) : v;
    at.rate_slope[l] = s.std[l] * (s.asinh ? s.floor * cosh(v) : 1);
    const int c = s.sizes.bins + l, last = s.metallicities - 1;
    const double log_z = x[2 * l + 1] * s.std[c] + s.mean[c];
    int upper = 0;
    while (upper <= last && s.log_z[upper] <= log_z) ++upper;
    const bool inside = upper > 0 && upper <= last;
    at.lower[l] = upper > 0 ? upper - 1 : 0;
    at.upper[l] = upper <= last ? upper : last;
    const double slope = inside ? 1 / (s.log_z[at.upper[l]] - s.log_z[at.lower[l]]) : 0;
    at.share[l] = inside ? (log_z - s.log_z[at.lower[l]]) * slope : 0;
    at.share_slope[l] = s.std[c] * slope;
  });
}

// residual = y - S(x); `at` is then of x.
__device__ inline void residual_at(const Spectrum& s, const At& at, const double* x,
                                   double* residual) {
  const int rows = s.sizes.nodes * s.sizes.S, formed = s.sizes.formed;
  interpolate_nodes(s, at, x);
  histories(s, at, x);
  sum_terms(
      rows, 2 * formed,
      [&](int o, int t) {
        const int l = t / 2, z = t % 2 ? at.upper[l] : at.lower[l];
        const double weight = at.rate[l] * (t % 2 ? at.share[l] : 1 - at.share[l]);
        return weight * s.r[Index(z * formed + l) * rows + o];
      },
      [&](int o, double sum) { at.by_node[o] = sum; });
  for_each(s.sizes.S, [&](int o) {
    double value = s.y[o];
    for (int k = 0; k < s.sizes.nodes; ++k) value -= at.node[k] * at.by_node[k * s.sizes.S + o];
    residual[o] = value;
  });
}

// dS/dx [S, X] at the x of residual_at.
__device__ inline void jacobian_at(const Spectrum& s, const At& at, double* j) {
  const int S = s.sizes.S, D = s.sizes.D, rows = s.sizes.nodes * S, formed = s.sizes.formed;
  for_each(S * s.sizes.X, [&](int e) {
    const int o = e % S, d = e / S, l = d / 2;
    double sum = 0;
    if (d >= D) {
      for (int k = 0; k < s.sizes.nodes; ++k)
        sum += at.node_slope[(d - D) * s.sizes.nodes + k] * at.by_node[k * S + o];
    } else if (l < formed) {
      const double low = d % 2 ? -at.rate[l] * at.share_slope[l]
                               : at.rate_slope[l] * (1 - at.share[l]),
                   high = d % 2 ? at.rate[l] * at.share_slope[l] : at.rate_slope[l] * at.share[l];
      const double *lower = s.r + Index(at.lower[l] * formed + l) * rows + o,
                   *upper = s.r + Index(at.upper[l] * formed + l) * rows + o;
      for (int k = 0; k < s.sizes.nodes; ++k)
        sum += at.node[k] * (low * lower[k * S] + high * upper[k * S]);
    }
    j[e] = sum;
  });
}

} // namespace lookback::tools
