#include "tools/inference/level_on_device.hpp"

#include "cuda/block_algebra.cuh"
#include "cuda/cuda_backend.cuh"

#include <cmath>

namespace lookback::tools {
namespace {

using namespace cuda;

// As in peak.cpp and conditional_prior.cpp.
constexpr double negligible_weight = 1e-6, negligible = 1e-3, shortest_step = 1e-3,
                 least_strength = 1e-3, tolerance = 1e-4, slow = 0.25;
constexpr int most_steps = 50;
constexpr int blocks_at_once = 2; // on a multiprocessor: half of its registers each

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

__device__ double value_of(const SpectrumOnDevice::Free& p, double u) {
  if (p.error > 0) return min(max(0.5 * (p.low + p.high) + p.error * u, p.low), p.high);
  return p.low + (p.high - p.low) * 0.5 * erfc(-u / 1.4142135623730951);
}
__device__ double slope_of(const SpectrumOnDevice::Free& p, double u) {
  if (p.error > 0) return fabs(p.error * u) < 0.5 * (p.high - p.low) ? p.error : 0;
  return (p.high - p.low) * exp(-0.5 * u * u) / 2.5066282746310002;
}

// Lagrange's polynomial of one node, and its derivative.
__device__ double2 lagrange(const double* nodes, int count, int i, double v) {
  double2 f = {1, 0};
  for (int j = 0; j < count; ++j) {
    if (j == i) continue;
    const double scale = 1 / (nodes[i] - nodes[j]);
    f.y = (f.y * (v - nodes[j]) + f.x) * scale;
    f.x *= (v - nodes[j]) * scale;
  }
  return f;
}

__device__ void interpolate_nodes(const Spectrum& s, const At& at, const double* x) {
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

__device__ void histories(const Spectrum& s, const At& at, const double* x) {
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
__device__ void residual_at(const Spectrum& s, const At& at, const double* x, double* residual) {
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
__device__ void jacobian_at(const Spectrum& s, const At& at, double* j) {
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

// x = m + L e: L of the histories [D, D], and of the free parameters a number.
struct Factor {
  const double* lower;
  double of_free;
  int D;

  // (L e)_d; e of D, then the free ones
  __device__ double times(const double* e, int d) const {
    if (d >= D) return of_free * e[d];
    double sum = 0;
    for (int i = 0; i <= d; ++i) sum += lower[i * D + d] * e[i];
    return sum;
  }
};

// A peak as peak.hpp defines it.
struct Peak {
  double *mean, *mode;       // m and e*, [X]
  double *latent, *latent_x; // V and L V, [X, rank]
  double *by_latent, *width; // B [S, rank] and W [rank, rank]
  double *log_evidence, *cost, *log_width;
  int* rank;

  __host__ __device__ Peak(Arrays& a, const Sizes& s)
      : mean(a.take(s.X)), mode(a.take(s.X)), latent(a.take(Index(s.X) * s.rank)),
        latent_x(a.take(Index(s.X) * s.rank)), by_latent(a.take(Index(s.S) * s.rank)),
        width(a.take(Index(s.rank) * s.rank)), log_evidence(a.take(1)), cost(a.take(1)),
        log_width(a.take(1)), rank(a.take_ints(1)) {}
};

// Room to work in, for both kernels below.
struct Room {
  At at;
  double *x, *e, *towards;           // [X]
  double *residual, *tried, *solved; // [S]
  double *j, *j_latent;              // [S, X]
  double *square, *c;                // [S, S] and [S, rank]
  double* left;                      // [S]
  double* search;                    // [4, rank]
  int* order;                        // [S]

  __host__ __device__ Room(Arrays& a, const Sizes& s)
      : at(a, s), x(a.take(s.X)), e(a.take(s.X)), towards(a.take(s.X)), residual(a.take(s.S)),
        tried(a.take(s.S)), solved(a.take(s.S)), j(a.take(Index(s.S) * s.X)),
        j_latent(a.take(Index(s.S) * s.X)), square(a.take(Index(s.S) * s.S)),
        c(a.take(Index(s.S) * s.rank)), left(a.take(s.S)), search(a.take(4 * s.rank)),
        order(a.take_ints(s.S)) {}
};

struct Problem {
  Spectrum spectrum;
  int chains, newton_steps, moves;
  Stream numbers;
  const double *sigma, *level, *factors, *x_t, *mean;
  const double *log_weight, *component_mean, *basis, *variance;
  double *log_weights, *component_means; // [chains, K] and [chains, K, D], given x_t
  double *peaks, *rooms;                 // [chains, K] and [blocks]
  Index peak_doubles, room_doubles;
  double *proposals, *log_ratio, *decision; // [chains, moves + 1, X] and [chains, moves + 1]
  double *x, *accepted, *pull;

  __device__ double sigma_now() const { return sigma[int(*level)]; }
  __device__ Peak peak(int chain, int k) const {
    Arrays a{peaks + (Index(chain) * spectrum.sizes.K + k) * peak_doubles};
    return {a, spectrum.sizes};
  }
  __device__ Room room() const {
    Arrays a{rooms + Index(blockIdx.x) * room_doubles};
    return {a, spectrum.sizes};
  }
};

// A block for each level and component.
__global__ void factors_kernel(int D, int components, const double* basis, const double* variance,
                               const double* sigma, double* factors, double* room) {
  const int k = int(blockIdx.x) % components;
  const double s = sigma[int(blockIdx.x) / components];
  const double *u = basis + Index(k) * D * D, *v = variance + Index(k) * D;
  double *a = factors + Index(blockIdx.x) * D * D, *inverse = room + Index(blockIdx.x) * D;
  const double trace = sum_of(D, [&](int i) { return v[i] * s * s / (v[i] + s * s); });
  const double jitter = 1e-12 * trace / D; // as conditional_prior.cpp has it
  double added = 0;
  for (double add = jitter; add < 1e6 * jitter; add *= 100) {
    added += add;
    sum_terms(
        D * D, D,
        [&](int e, int i) {
          return u[i * D + e % D] * u[i * D + e / D] * (v[i] * s * s / (v[i] + s * s));
        },
        [&](int e, double sum) { a[e] = sum + (e % D == e / D ? added : 0); });
    if (cholesky(D, a, inverse)) return;
  }
}

// Weight and mean of component k given x_t; a block for each chain and component.
__global__ void conditional_kernel(Problem p) {
  const Sizes& s = p.spectrum.sizes;
  const int chain = int(blockIdx.x) / s.K, k = int(blockIdx.x) % s.K, D = s.D;
  const double sigma = p.sigma_now(), *x_t = p.x_t + Index(chain) * s.X;
  const double *u = p.basis + Index(k) * D * D, *v = p.variance + k * D,
               *mean = p.component_mean + k * D;
  double* shrunk = p.room().j; // X numbers at least
  sum_terms(
      D, D, [&](int i, int d) { return u[i * D + d] * (x_t[d] - mean[d]); },
      [&](int i, double sum) { shrunk[i] = sum; });
  const double square = sum_of(D, [&](int i) {
    const double total = v[i] + sigma * sigma;
    return log(total) + shrunk[i] * shrunk[i] / total;
  });
  for_each(D, [&](int i) { shrunk[i] *= v[i] / (v[i] + sigma * sigma); });
  sum_terms(
      D, D, [&](int d, int i) { return u[i * D + d] * shrunk[i]; },
      [&](int d, double sum) {
        p.component_means[(Index(chain) * s.K + k) * D + d] = mean[d] + sum;
      });
  if (threadIdx.x == 0) p.log_weights[chain * s.K + k] = p.log_weight[k] - 0.5 * square;
}

// The weight of component k among K of these logarithms.
__device__ double share_of(const double* logarithms, int K, int k) {
  double largest = logarithms[0], sum = 0;
  for (int i = 1; i < K; ++i) largest = max(largest, logarithms[i]);
  for (int i = 0; i < K; ++i) sum += exp(logarithms[i] - largest);
  return exp(logarithms[k] - largest) / sum;
}

// x = m + L e and y - S there; the square of the residual and e is twice the cost.
__device__ double cost_at(const Problem& p, const Peak& peak, const Room& room,
                          const Factor& factor, const double* e, double* residual) {
  const Sizes& s = p.spectrum.sizes;
  for_each(s.X, [&](int d) { room.x[d] = peak.mean[d] + factor.times(e, d); });
  residual_at(p.spectrum, room.at, room.x, residual);
  return 0.5 * (sum_of(s.S, [&](int o) { return residual[o] * residual[o]; }) +
                sum_of(s.X, [&](int d) { return e[d] * e[d]; }));
}

// dS/de [S, X] at e, which room.at is not of yet.
__device__ void slope_by_e(const Problem& p, const Peak& peak, const Room& room,
                           const Factor& factor, double* result) {
  const Sizes& s = p.spectrum.sizes;
  cost_at(p, peak, room, factor, peak.mode, room.tried);
  jacobian_at(p.spectrum, room.at, room.j);
  for_each(s.S * s.X, [&](int entry) {
    const int o = entry % s.S, i = entry / s.S;
    double sum = 0;
    if (i >= s.D)
      sum = room.j[entry] * factor.of_free;
    else
      for (int d = i; d < s.D; ++d) sum += room.j[d * s.S + o] * factor.lower[i * s.D + d];
    result[entry] = sum;
  });
}

// g[n, n] = the sum over t of a(i, t) a(j, t), and `diagonal` more on the diagonal.
template <class A> __device__ void gram(int n, int terms, double diagonal, const A& a, double* g) {
  sum_terms(
      n * n, terms, [&](int e, int t) { return a(e % n, t) * a(e / n, t); },
      [&](int e, double sum) { g[e] = sum + (e % n == e / n ? diagonal : 0); });
}

// Damped Gauss-Newton steps to e*; dS/de is then in room.j_latent.
__device__ double climb(const Problem& p, const Peak& peak, const Room& room,
                        const Factor& factor) {
  const Sizes& s = p.spectrum.sizes;
  const int S = s.S, X = s.X;
  double* j = room.j_latent;
  for_each(X, [&](int d) { peak.mode[d] = 0; });
  double cost = cost_at(p, peak, room, factor, peak.mode, room.residual);
  int steps = p.newton_steps;
  for (int step = 0;; ++step) {
    slope_by_e(p, peak, room, factor, j);
    if (step == steps) return cost;
    gram(
        S, X, 1, [&](int o, int d) { return j[d * S + o]; }, room.square);
    cholesky(S, room.square, room.left);
    sum_terms(
        S, X, [&](int o, int d) { return j[d * S + o] * peak.mode[d]; },
        [&](int o, double sum) { room.solved[o] = room.residual[o] + sum; });
    const auto l = [&](int i, int t) { return room.square[t * S + i]; };
    const auto b = [&](int i, int) -> double& { return room.solved[i]; };
    solve_lower(S, 1, l, b);
    solve_lower_transposed(S, 1, l, b);
    sum_terms(
        X, S, [&](int d, int o) { return j[d * S + o] * room.solved[o]; },
        [&](int d, double sum) { room.towards[d] = sum - peak.mode[d]; });
    const double before = cost;
    for (double length = 1; length > shortest_step && cost == before; length /= 2) {
      for_each(X, [&](int d) { room.e[d] = peak.mode[d] + length * room.towards[d]; });
      const double here = cost_at(p, peak, room, factor, room.e, room.tried);
      if (!(here < cost)) continue; // also where it is not a number
      for_each(X, [&](int d) { peak.mode[d] = room.e[d]; });
      for_each(S, [&](int o) { room.residual[o] = room.tried[o]; });
      cost = here;
    }
    if (cost == before) return cost;
    if (before - cost < negligible) steps = step + 1;
  }
}

// V, L V, B and W from dS/de in room.j_latent; returns the rank.
__device__ int straighten(const Problem& p, const Peak& peak, const Room& room,
                          const Factor& factor) {
  const Sizes& s = p.spectrum.sizes;
  const int S = s.S, X = s.X;
  const double* j = room.j_latent;
  gram(
      S, X, 0, [&](int o, int d) { return j[d * S + o]; }, room.square);
  const int rank = pivoted_cholesky(S, room.square, least_strength, room.c, room.order, room.left);
  const auto latent = [&](int a, int d) -> double& { return peak.latent[a * X + d]; };
  for_each(rank * X, [&](int e) { latent(e / X, e % X) = j[e % X * S + room.order[e / X]]; });
  solve_lower(
      rank, X, [&](int a, int t) { return room.c[t * S + room.order[a]]; }, latent);
  gram(rank, X, 0, latent, room.square);
  cholesky(rank, room.square, room.left);
  solve_lower(
      rank, X, [&](int a, int t) { return room.square[t * rank + a]; }, latent);
  for_each(rank * X,
           [&](int e) { peak.latent_x[e] = factor.times(peak.latent + Index(e / X) * X, e % X); });
  sum_terms(
      rank * S, X, [&](int e, int d) { return j[d * S + e % S] * latent(e / S, d); },
      [&](int e, double sum) { peak.by_latent[e] = sum; });
  gram(
      rank, S, 1, [&](int a, int o) { return peak.by_latent[a * S + o]; }, peak.width);
  cholesky(rank, peak.width, room.left);
  return rank;
}

__device__ Factor factor_of(const Problem& p, int k) {
  const Sizes& s = p.spectrum.sizes;
  const double sigma = p.sigma_now();
  return {p.factors + (Index(int(*p.level)) * s.K + k) * s.D * s.D, sigma / sqrt(1 + sigma * sigma),
          s.D};
}

// A block for each chain and component.
__global__ void __launch_bounds__(block_threads, blocks_at_once) peaks_kernel(Problem p) {
  const Sizes& s = p.spectrum.sizes;
  const int chain = int(blockIdx.x) / s.K, k = int(blockIdx.x) % s.K;
  const Peak peak = p.peak(chain, k);
  const double* logarithms = p.log_weights + chain * s.K;
  const double weight = share_of(logarithms, s.K, k);
  if (!(weight > negligible_weight)) {
    if (threadIdx.x == 0) *peak.log_evidence = -INFINITY;
    return;
  }
  const double* means = p.component_means + Index(chain) * s.K * s.D;
  for_each(s.X, [&](int d) {
    double value = p.mean[Index(chain) * s.X + d];
    if (d < s.D) {
      value += means[k * s.D + d];
      for (int i = 0; i < s.K; ++i) value -= share_of(logarithms, s.K, i) * means[i * s.D + d];
    }
    peak.mean[d] = value;
  });
  const Room room = p.room();
  const Factor factor = factor_of(p, k);
  const double cost = climb(p, peak, room, factor);
  const int rank = straighten(p, peak, room, factor);
  double log_width = 0;
  for (int a = 0; a < rank; ++a) log_width += log(peak.width[a * rank + a]);
  if (threadIdx.x == 0) {
    *peak.cost = cost, *peak.log_width = log_width, *peak.rank = rank;
    *peak.log_evidence = log(weight) - cost - log_width;
  }
}

// What a proposal is found by.
struct Search {
  const Problem& p;
  const Peak& peak;
  const Room& room;
  int rank;
  double *start, *across, *along; // x and e without V; the numbers that `along` shall be
  double *a, *off, *step;         // [rank]

  __device__ auto width() const {
    return [w = peak.width, n = rank](int i, int t) { return w[t * n + i]; };
  }
  // a -> x, the residual there, and what `along` is off by; its square.
  __device__ double miss(const double* at, double* residual, double* off) const {
    const Sizes& s = p.spectrum.sizes;
    for_each(s.X, [&](int d) {
      double value = start[d];
      for (int i = 0; i < rank; ++i) value += peak.latent_x[i * s.X + d] * at[i];
      room.x[d] = value;
    });
    residual_at(p.spectrum, room.at, room.x, residual);
    sum_terms(
        rank, s.S, [&](int i, int o) { return peak.by_latent[i * s.S + o] * residual[o]; },
        [&](int i, double sum) { off[i] = at[i] - sum; });
    solve_lower(rank, 1, width(), [&](int i, int) -> double& { return off[i]; });
    for_each(rank, [&](int i) { off[i] -= along[i]; });
    return sum_of(rank, [&](int i) { return off[i] * off[i]; });
  }
  // The slope of `along` by a at the x of `miss`, as its factors in room.square and room.order.
  __device__ void factor_slope() const {
    const Sizes& s = p.spectrum.sizes;
    jacobian_at(p.spectrum, room.at, room.j);
    double* by_a = room.j_latent; // [S, rank]
    sum_terms(
        s.S * rank, s.X,
        [&](int e, int d) {
          return room.j[d * s.S + e % s.S] * peak.latent_x[Index(e / s.S) * s.X + d];
        },
        [&](int e, double sum) { by_a[e] = sum; });
    double* g = room.square;
    sum_terms(
        rank * rank, s.S,
        [&](int e, int o) { return peak.by_latent[e % rank * s.S + o] * by_a[e / rank * s.S + o]; },
        [&](int e, double sum) { g[e] = sum + (e % rank == e / rank ? 1 : 0); });
    solve_lower(rank, rank, width(),
                [&](int i, int column) -> double& { return g[column * rank + i]; });
    lu(rank, g, room.order);
  }
  __device__ double log_slope() const {
    double sum = 0;
    for (int i = 0; i < rank; ++i) sum += log(fabs(room.square[i * rank + i]));
    return sum;
  }
};

// Peak::propose of peak.cpp; the point is left in room.x, or where it does not arrive nowhere.
__device__ double propose(const Search& f) {
  const Sizes& s = f.p.spectrum.sizes;
  const Room& room = f.room;
  const int rank = f.rank, S = s.S;
  bool recent = false, fresh = false; // is there a slope of a recent point, and is it this one's
  const auto step_to = [&](const double* off) { // f.step = off over the slope
    for_each(rank, [&](int i) { f.step[i] = off[i]; });
    if (recent)
      solve_lu(rank, room.square, room.order, f.step);
    else
      solve_lower_transposed(rank, 1, f.width(), [&](int i, int) -> double& { return f.step[i]; });
  };
  step_to(f.along);
  sum_terms(
      rank, s.X, [&](int i, int d) { return f.peak.latent[i * s.X + d] * f.peak.mode[d]; },
      [&](int i, double sum) { f.a[i] = sum + f.step[i]; });
  double *next = room.left, *still = room.solved; // [rank] each
  double now = f.miss(f.a, room.residual, f.off);
  for (int step = 0; step < most_steps; ++step) {
    if (now < tolerance * tolerance) {
      f.miss(f.a, room.residual, f.off);
      f.factor_slope();
      const double across = sum_of(s.X, [&](int d) { return f.across[d] * f.across[d]; }),
                   along = sum_of(rank,
                                  [&](int i) {
                                    const double v = f.along[i] + f.off[i];
                                    return v * v;
                                  }),
                   inside = sum_of(rank, [&](int i) { return f.a[i] * f.a[i]; }),
                   misfit = sum_of(S, [&](int o) { return room.residual[o] * room.residual[o]; });
      const double proposed = -0.5 * (across + along) + f.log_slope(),
                   found = -0.5 * (across + inside + misfit); // across meets V at right angles
      return found + *f.peak.cost + *f.peak.log_width - proposed;
    }
    step_to(f.off);
    bool moved = false;
    for (double length = 1; length > shortest_step && !moved; length /= 2) {
      for_each(rank, [&](int i) { next[i] = f.a[i] - length * f.step[i]; });
      const double then = f.miss(next, room.tried, still);
      moved = then < (fresh ? 1 : slow * slow) * now; // not where it is no number
      if (moved) {
        for_each(rank, [&](int i) { f.a[i] = next[i], f.off[i] = still[i]; });
        now = then;
      }
      if (!fresh) break;
    }
    if (!moved && fresh) break;
    fresh = !moved;
    if (fresh) {
      f.miss(f.a, room.residual, f.off);
      f.factor_slope();
      recent = true;
    }
  }
  return -INFINITY;
}

// A block for each chain and proposal.
__global__ void __launch_bounds__(block_threads, blocks_at_once) propose_kernel(Problem p) {
  const Sizes& s = p.spectrum.sizes;
  const int proposals = p.moves + 1, chain = int(blockIdx.x) / proposals;
  Stream numbers = p.numbers;
  numbers.object = unsigned(blockIdx.x) % unsigned(proposals);
  numbers.draw += unsigned(chain);
  numbers.step = unsigned(*p.level);
  // As ChainNumbers has them: two uniform numbers with a block of four each, then the normal ones.
  const double u = numbers.uniform(4);
  double best = -INFINITY, total = 0, sum = 0;
  for (int k = 0; k < s.K; ++k) best = max(best, *p.peak(chain, k).log_evidence);
  for (int k = 0; k < s.K; ++k) total += exp(*p.peak(chain, k).log_evidence - best);
  int chosen = 0;
  for (int k = 0; k < s.K; ++k) {
    const double share = exp(*p.peak(chain, k).log_evidence - best) / total;
    if (!(share > 0)) continue;
    chosen = k;
    sum += share;
    if (u <= sum) break;
  }
  const Peak peak = p.peak(chain, chosen);
  const Room room = p.room();
  const int rank = *peak.rank;
  double* const numbers_of_rank = room.search;
  const Search f{p,
                 peak,
                 room,
                 rank,
                 room.towards,
                 room.e,
                 numbers_of_rank,
                 numbers_of_rank + rank,
                 numbers_of_rank + 2 * rank,
                 numbers_of_rank + 3 * rank};
  for_each(s.X, [&](int d) { room.e[d] = numbers.normal(std::uint64_t(8 + d)); });
  for_each(rank, [&](int i) { f.along[i] = numbers.normal(std::uint64_t(8 + s.X + i)); });
  sum_terms(
      rank, s.X, [&](int i, int d) { return peak.latent[i * s.X + d] * room.e[d]; },
      [&](int i, double sum) { f.off[i] = sum; });
  for_each(s.X, [&](int d) {
    for (int i = 0; i < rank; ++i) room.e[d] -= peak.latent[i * s.X + d] * f.off[i];
  });
  const Factor factor = factor_of(p, chosen);
  for_each(s.X, [&](int d) { room.towards[d] = peak.mean[d] + factor.times(room.e, d); });
  const double log_ratio = propose(f);
  if (log_ratio == -INFINITY)
    for_each(s.X, [&](int d) { room.x[d] = peak.mean[d] + factor.times(peak.mode, d); });
  for_each(s.X, [&](int d) { p.proposals[Index(blockIdx.x) * s.X + d] = room.x[d]; });
  if (threadIdx.x == 0) {
    p.log_ratio[blockIdx.x] = log_ratio;
    p.decision[blockIdx.x] = numbers.uniform(0);
  }
}

// The chain's independence Metropolis moves; a block for each chain.
__global__ void accept_kernel(Problem p) {
  const Sizes& s = p.spectrum.sizes;
  const int chain = int(blockIdx.x), first = chain * (p.moves + 1);
  int at = first, accepted = 0;
  for (int move = first + 1; move <= first + p.moves; ++move) {
    if (!(log(p.decision[move]) < p.log_ratio[move] - p.log_ratio[at] ||
          !isfinite(p.log_ratio[at])))
      continue;
    at = move;
    ++accepted;
  }
  for_each(s.X, [&](int d) { p.x[Index(chain) * s.X + d] = p.proposals[Index(at) * s.X + d]; });
  int likeliest = 0;
  for (int k = 1; k < s.K; ++k)
    if (*p.peak(chain, k).log_evidence > *p.peak(chain, likeliest).log_evidence) likeliest = k;
  const Index place = Index(int(*p.level)) * p.chains + chain;
  if (threadIdx.x == 0) {
    p.accepted[place] = p.moves > 0 ? double(accepted) / p.moves : 0;
    p.pull[place] = 2 * *p.peak(chain, likeliest).cost / s.S;
  }
}

__global__ void network_input_kernel(Index n, int D, int X, const double* x_t, float* x) {
  for (Index i = first_element(); i < n; i += element_stride())
    x[i] = float(x_t[i / D * X + i % D]);
}

__global__ void denoised_kernel(Index n, int D, int X, const double* x_t, const float* r,
                                const double* sigma, const double* level, double* mean) {
  const double s = sigma[int(*level)];
  for (Index i = first_element(); i < n; i += element_stride()) {
    const Index chain = i / X, d = i % X;
    mean[i] = d < D ? x_t[i] + s * double(r[chain * D + d]) : x_t[i] / (1 + s * s);
  }
}

__global__ void next_level_kernel(Index n, int levels, const double* x, const double* z,
                                  const double* sigma, const double* level, double* x_t) {
  const int next = int(*level) + 1;
  const double s = next < levels ? sigma[next] : 0;
  for (Index i = first_element(); i < n; i += element_stride()) x_t[i] = x[i] + s * z[i];
}

Launch launch(const char* kernel, const Tensor& x) {
  return {static_cast<const CudaBackend&>(x.backend()).stream(), kernel, x.shape()};
}

// The doubles that one of these takes.
template <class Piece> Index size_of_piece(const Sizes& s) {
  Arrays counted{nullptr};
  const Piece piece(counted, s);
  return counted.used;
}

Sizes sizes_of(const LevelOnDevice& level) {
  const SpectrumOnDevice& s = level.spectrum;
  const int D = 2 * s.bins, X = D + s.free;
  return {D,      s.free,   X,
          s.size, s.nodes,  int(level.mixture.log_weight.size()),
          s.bins, s.formed, std::min(s.size, X)};
}

Spectrum spectrum_of(const SpectrumOnDevice& s, const Sizes& sizes) {
  Spectrum result{sizes,
                  s.asinh,
                  s.metallicities,
                  s.floor,
                  {},
                  s.y.data<double>(),
                  s.r.data<double>(),
                  s.log_z.data<double>(),
                  s.mean.data<double>(),
                  s.std.data<double>(),
                  s.axes.data<double>()};
  std::copy(s.parameter.begin(), s.parameter.end(), result.parameter);
  return result;
}

} // namespace

void make_factors(const MixtureOnDevice& m, const Tensor& sigma, const Tensor& factors) {
  const Index K = m.log_weight.size(), D = m.mean.shape()[1];
  const Tensor room({sigma.size() * K, D}, DType::f64, factors.backend());
  launch("factors", factors)
      .blocks(factors_kernel, sigma.size() * K, D, K, m.basis.data<double>(),
              m.variance.data<double>(), sigma.data<double>(), factors.data<double>(),
              room.data<double>());
}

void network_input(const Tensor& x_t, const Tensor& x) {
  const Index B = x.shape()[0];
  launch("network_input", x)
      .elements(network_input_kernel, x.size(), x.size(), x.size() / B, x_t.size() / B,
                x_t.data<double>(), x.data<float>());
}

void denoised(const LevelOnDevice& l, const Tensor& r) {
  const Sizes s = sizes_of(l);
  launch("denoised", l.mean)
      .elements(denoised_kernel, l.mean.size(), l.mean.size(), s.D, s.X, l.x_t.data<double>(),
                r.data<float>(), l.sigma.data<double>(), l.level.data<double>(),
                l.mean.data<double>());
}

void draw_level(const LevelOnDevice& l) {
  Backend& backend = l.x.backend();
  const Sizes s = sizes_of(l);
  const Index B = l.x.shape()[0], proposals = B * (l.moves + 1), peaks = B * s.K;
  const Index of_peak = size_of_piece<Peak>(s), of_room = size_of_piece<Room>(s);
  const auto array = [&](Index n) { return Tensor({n}, DType::f64, backend); };
  const Tensor log_weights = array(peaks), means = array(peaks * s.D),
               stored = array(peaks * of_peak), rooms = array(std::max(peaks, proposals) * of_room),
               points = array(proposals * s.X), log_ratio = array(proposals),
               decision = array(proposals);
  const Problem p{spectrum_of(l.spectrum, s),
                  int(B),
                  l.newton_steps,
                  l.moves,
                  l.numbers,
                  l.sigma.data<double>(),
                  l.level.data<double>(),
                  l.factors.data<double>(),
                  l.x_t.data<double>(),
                  l.mean.data<double>(),
                  l.mixture.log_weight.data<double>(),
                  l.mixture.mean.data<double>(),
                  l.mixture.basis.data<double>(),
                  l.mixture.variance.data<double>(),
                  log_weights.data<double>(),
                  means.data<double>(),
                  stored.data<double>(),
                  rooms.data<double>(),
                  of_peak,
                  of_room,
                  points.data<double>(),
                  log_ratio.data<double>(),
                  decision.data<double>(),
                  l.x.data<double>(),
                  l.accepted.data<double>(),
                  l.pull.data<double>()};
  launch("conditional", l.x).blocks(conditional_kernel, peaks, p);
  launch("peaks", l.x).blocks(peaks_kernel, peaks, p);
  launch("propose", l.x).blocks(propose_kernel, proposals, p);
  launch("accept", l.x).blocks(accept_kernel, B, p);
}

void next_level(const LevelOnDevice& l, const Tensor& z) {
  launch("next_level", l.x)
      .elements(next_level_kernel, l.x.size(), l.x.size(), l.sigma.size(), l.x.data<double>(),
                z.data<double>(), l.sigma.data<double>(), l.level.data<double>(),
                l.x_t.data<double>());
}

} // namespace lookback::tools
