// A peak (peak.hpp) by one block of threads: the same steps, in room that the block is given.
#pragma once

#include "tools/inference/peak_numbers.hpp"
#include "tools/inference/spectrum_on_device.cuh"

namespace lookback::tools {

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

// x = m + L e and y - S there; the square of the residual and e is twice the cost.
__device__ inline double cost_at(const Spectrum& spectrum, const Peak& peak, const Room& room,
                                 const Factor& factor, const double* e, double* residual) {
  const Sizes& s = spectrum.sizes;
  for_each(s.X, [&](int d) { room.x[d] = peak.mean[d] + factor.times(e, d); });
  residual_at(spectrum, room.at, room.x, residual);
  return 0.5 * (sum_of(s.S, [&](int o) { return residual[o] * residual[o]; }) +
                sum_of(s.X, [&](int d) { return e[d] * e[d]; }));
}

// dS/de [S, X] at the e of the last cost_at.
__device__ inline void slope_by_e(const Spectrum& spectrum, const Room& room, const Factor& factor,
                                  double* result) {
  const Sizes& s = spectrum.sizes;
  jacobian_at(spectrum, room.at, room.j);
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
__device__ inline double climb(const Spectrum& spectrum, const Peak& peak, const Room& room,
                               const Factor& factor, int newton_steps) {
  const Sizes& s = spectrum.sizes;
  const int S = s.S, X = s.X;
  double* j = room.j_latent;
  for_each(X, [&](int d) { peak.mode[d] = 0; });
  double cost = cost_at(spectrum, peak, room, factor, peak.mode, room.residual);
  int steps = newton_steps;
  for (int step = 0;; ++step) { // room.at is of the mode
    slope_by_e(spectrum, room, factor, j);
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
    for (double length = 1; length > peak_numbers::shortest_step && cost == before; length /= 2) {
      for_each(X, [&](int d) { room.e[d] = peak.mode[d] + length * room.towards[d]; });
      const double here = cost_at(spectrum, peak, room, factor, room.e, room.tried);
      if (!(here < cost)) continue; // also where it is not a number
      for_each(X, [&](int d) { peak.mode[d] = room.e[d]; });
      for_each(S, [&](int o) { room.residual[o] = room.tried[o]; });
      cost = here;
    }
    if (cost == before) return cost;
    if (before - cost < peak_numbers::negligible) steps = step + 1;
  }
}

// V, L V, B and W from dS/de in room.j_latent; returns the rank.
__device__ inline int straighten(const Spectrum& spectrum, const Peak& peak, const Room& room,
                                 const Factor& factor) {
  const Sizes& s = spectrum.sizes;
  const int S = s.S, X = s.X;
  const double* j = room.j_latent;
  gram(
      S, X, 0, [&](int o, int d) { return j[d * S + o]; }, room.square);
  int rank =
      pivoted_cholesky(S, room.square, peak_numbers::least_strength, room.c, room.order, room.left);
  const auto latent = [&](int a, int d) -> double& { return peak.latent[a * X + d]; };
  for_each(rank * X, [&](int e) { latent(e / X, e % X) = j[e % X * S + room.order[e / X]]; });
  solve_lower(
      rank, X, [&](int a, int t) { return room.c[t * S + room.order[a]]; }, latent);
  gram(rank, X, 0, latent, room.square);
  cholesky(rank, room.square, room.left);
  solve_lower(
      rank, X, [&](int a, int t) { return room.square[t * rank + a]; }, latent);
  if (rank == 0) { // any direction
    rank = 1;
    for_each(X, [&](int d) { latent(0, d) = d == 0; });
  }
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

// What a proposal is found by.
struct Search {
  const Spectrum& spectrum;
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
    const Sizes& s = spectrum.sizes;
    for_each(s.X, [&](int d) {
      double value = start[d];
      for (int i = 0; i < rank; ++i) value += peak.latent_x[i * s.X + d] * at[i];
      room.x[d] = value;
    });
    residual_at(spectrum, room.at, room.x, residual);
    sum_terms(
        rank, s.S, [&](int i, int o) { return peak.by_latent[i * s.S + o] * residual[o]; },
        [&](int i, double sum) { off[i] = at[i] - sum; });
    solve_lower(rank, 1, width(), [&](int i, int) -> double& { return off[i]; });
    for_each(rank, [&](int i) { off[i] -= along[i]; });
    return sum_of(rank, [&](int i) { return off[i] * off[i]; });
  }
  // The slope of `along` by a at the x of `miss`, as its factors in room.square and room.order.
  __device__ void factor_slope() const {
    const Sizes& s = spectrum.sizes;
    jacobian_at(spectrum, room.at, room.j);
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
__device__ inline double propose(const Search& f) {
  const Sizes& s = f.spectrum.sizes;
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
  double *residual = room.residual, *tried = room.tried;
  double now = f.miss(f.a, residual, f.off);
  for (int step = 0; step < peak_numbers::most_steps; ++step) { // room.at is of a
    if (now < peak_numbers::tolerance * peak_numbers::tolerance) {
      f.factor_slope();
      const double across = sum_of(s.X, [&](int d) { return f.across[d] * f.across[d]; }),
                   along = sum_of(rank,
                                  [&](int i) {
                                    const double v = f.along[i] + f.off[i];
                                    return v * v;
                                  }),
                   inside = sum_of(rank, [&](int i) { return f.a[i] * f.a[i]; }),
                   misfit = sum_of(S, [&](int o) { return residual[o] * residual[o]; });
      const double proposed = -0.5 * (across + along) + f.log_slope(),
                   found = -0.5 * (across + inside + misfit); // across meets V at right angles
      return found + *f.peak.cost + *f.peak.log_width - proposed;
    }
    step_to(f.off);
    bool moved = false;
    for (double length = 1; length > peak_numbers::shortest_step && !moved; length /= 2) {
      for_each(rank, [&](int i) { next[i] = f.a[i] - length * f.step[i]; });
      const double then = f.miss(next, tried, still);
      moved = then < (fresh ? 1 : peak_numbers::slow * peak_numbers::slow) *
                         now; // not where it is no number
      if (moved) {
        for_each(rank, [&](int i) { f.a[i] = next[i], f.off[i] = still[i]; });
        double* const before = residual;
        residual = tried, tried = before;
        now = then;
      }
      if (!fresh) break;
    }
    if (!moved && fresh) break;
    fresh = !moved;
    if (fresh) {
      f.miss(f.a, residual, f.off);
      f.factor_slope();
      recent = true;
    }
  }
  return -INFINITY;
}

} // namespace lookback::tools
