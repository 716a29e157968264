// Small dense algebra by one block of threads, float64, columns one after the other: a[j n + i] is
// a_ij. All threads of the block call a function together; what others wrote before is read, and
// results are there for all when it returns. Sums have a fixed order.
#pragma once

#include "cuda/launch.cuh"

namespace lookback::cuda {

// f(i) for i in [0, n), on the threads in turn.
template <class F> __device__ void for_each(int n, const F& f) {
  __syncthreads();
  for (int i = int(threadIdx.x); i < n; i += block_threads) f(i);
  __syncthreads();
}

// write(o, sum of term(o, t) over t in [0, terms)) for o in [0, outputs); as many threads an output
// as there are.
template <class Term, class Write>
__device__ void sum_terms(int outputs, int terms, const Term& term, const Write& write) {
  __shared__ double partial[block_threads];
  const int parts = outputs > 0 ? block_threads / outputs : 0;
  if (parts <= 1)
    return for_each(outputs, [&](int o) {
      double sum = 0;
      for (int t = 0; t < terms; ++t) sum += term(o, t);
      write(o, sum);
    });
  __syncthreads();
  const int o = int(threadIdx.x) % outputs, part = int(threadIdx.x) / outputs;
  double sum = 0;
  if (part < parts)
    for (int t = part; t < terms; t += parts) sum += term(o, t);
  partial[threadIdx.x] = sum;
  __syncthreads();
  if (part == 0) {
    for (int p = 1; p < parts; ++p) sum += partial[o + p * outputs];
    write(o, sum);
  }
  __syncthreads();
}

// The sum of f(i) over i in [0, n), known to all.
template <class F> __device__ double sum_of(int n, const F& f) {
  double sum = 0;
  __syncthreads();
  for (int i = int(threadIdx.x); i < n; i += block_threads) sum += f(i);
  return block_sum(sum);
}

// The lower triangle of a[n, n] becomes L, a = L L^T; false where a is not positive definite, and a
// is spoilt. `inverse` [n] is room to work in. Columns wait for their scale to the end.
__device__ inline bool cholesky(int n, double* a, double* inverse) {
  for (int j = 0; j < n; ++j)
    sum_terms(
        n - j, j, [&](int o, int t) { return a[t * n + j + o] * (a[t * n + j] * inverse[t]); },
        [&](int o, double sum) {
          const double value = a[j * n + j + o] - sum;
          a[j * n + j + o] = value;
          if (o == 0) inverse[j] = 1 / value;
        });
  bool positive = true;
  for (int j = 0; j < n; ++j) positive = positive && inverse[j] > 0;
  for_each(n * n, [&](int e) {
    if (e % n >= e / n) a[e] *= sqrt(inverse[e / n]);
  });
  return positive;
}

// gram[n, n] = c c^T, c[n, rank] with its row taken[j] zero after column j: of what is left the
// longest is taken in turn, until it is no longer than `least`. `left` [n] is room to work in.
// Returns the rank.
__device__ inline int pivoted_cholesky(int n, const double* gram, double least, double* c,
                                       int* taken, double* left) {
  for_each(n, [&](int i) { left[i] = gram[i * n + i]; });
  for (int rank = 0; rank < n; ++rank) {
    int p = 0;
    for (int i = 1; i < n; ++i)
      if (left[i] > left[p]) p = i;
    const double longest = left[p];
    if (!(longest > least * least)) return rank;
    sum_terms(
        n, rank, [&](int i, int t) { return c[t * n + i] * c[t * n + p]; },
        [&](int i, double sum) {
          const double value = (gram[p * n + i] - sum) / sqrt(longest);
          c[rank * n + i] = value;
          left[i] = i == p ? 0 : left[i] - value * value;
          if (i == p) taken[rank] = p;
        });
  }
  return n;
}

// b <- L^-1 b and b <- L^-T b, of columns b(., column), a thread each; l(i, j) and b(i, column) are
// places.
template <class L, class B>
__device__ void solve_lower(int n, int columns, const L& l, const B& b) {
  for_each(columns, [&](int column) {
    for (int i = 0; i < n; ++i) {
      double value = b(i, column);
      for (int t = 0; t < i; ++t) value -= l(i, t) * b(t, column);
      b(i, column) = value / l(i, i);
    }
  });
}
template <class L, class B>
__device__ void solve_lower_transposed(int n, int columns, const L& l, const B& b) {
  for_each(columns, [&](int column) {
    for (int i = n - 1; i >= 0; --i) {
      double value = b(i, column);
      for (int t = i + 1; t < n; ++t) value -= l(t, i) * b(t, column);
      b(i, column) = value / l(i, i);
    }
  });
}

// P a = L U in place, L with 1 on its diagonal: before column j, rows j and swapped[j] change
// places.
__device__ inline void lu(int n, double* a, int* swapped) {
  __syncthreads();
  for (int j = 0; j < n; ++j) {
    int p = j;
    for (int i = j + 1; i < n; ++i)
      if (fabs(a[j * n + i]) > fabs(a[j * n + p])) p = i;
    if (threadIdx.x == 0) swapped[j] = p;
    for_each(n, [&](int column) {
      const double value = a[column * n + j];
      a[column * n + j] = a[column * n + p];
      a[column * n + p] = value;
    });
    const int rest = n - j - 1, next = j + 1;
    for_each(rest, [&](int i) { a[j * n + next + i] /= a[j * n + j]; });
    for_each(rest * rest, [&](int e) {
      const int i = next + e % rest, column = next + e / rest;
      a[column * n + i] -= a[j * n + i] * a[column * n + j];
    });
  }
}

// b <- a^-1 b from lu().
__device__ inline void solve_lu(int n, const double* a, const int* swapped, double* b) {
  for_each(1, [&](int) {
    for (int j = 0; j < n; ++j) {
      const double value = b[j];
      b[j] = b[swapped[j]];
      b[swapped[j]] = value;
    }
    for (int i = 0; i < n; ++i)
      for (int t = 0; t < i; ++t) b[i] -= a[t * n + i] * b[t];
    for (int i = n - 1; i >= 0; --i) {
      for (int t = i + 1; t < n; ++t) b[i] -= a[t * n + i] * b[t];
      b[i] /= a[i * n + i];
    }
  });
}

} // namespace lookback::cuda
