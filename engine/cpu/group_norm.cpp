// Group norm of one sample [L, C] at a time. Loops run over channels inside, so they are vector
// instructions; a group's numbers are first gathered per channel, then over its channels.
#include "engine/cpu/cpu_backend.hpp"

namespace lookback::cpu::LOOKBACK_ISA {
namespace {

// What the kernels know of one sample, one entry a channel.
template <class T> struct Channels {
  const T *scale, *shift;  // gamma, beta
  const T *mean, *inverse; // of the channel's group; inverse = 1/sqrt(variance + epsilon)
};

template <class T>
void sum_channels(const T* __restrict x, std::int64_t L, std::int64_t C, T* __restrict sum) {
  std::fill_n(sum, C, T(0));
  for (std::int64_t l = 0; l < L; ++l)
    for (std::int64_t c = 0; c < C; ++c) sum[c] += x[l * C + c];
}

template <class T>
void sum_squares(const T* __restrict x, std::int64_t L, std::int64_t C, const T* __restrict mean,
                 T* __restrict sum) {
  std::fill_n(sum, C, T(0));
  for (std::int64_t l = 0; l < L; ++l)
    for (std::int64_t c = 0; c < C; ++c) {
      const T d = x[l * C + c] - mean[c];
      sum[c] += d * d;
    }
}

template <class F, class T>
void normalise(const T* __restrict x, std::int64_t L, std::int64_t C, const Channels<T>& k,
               T* __restrict y) {
  const T* __restrict scale = k.scale, * __restrict shift = k.shift, * __restrict mean = k.mean, * __restrict inverse = k.inverse;
  for (std::int64_t l = 0; l < L; ++l)
    for (std::int64_t c = 0; c < C; ++c)
      y[l * C + c] = F::value(scale[c] * ((x[l * C + c] - mean[c]) * inverse[c]) + shift[c]);
}

// sum_du[c] = sum_l du and sum_du_n[c] = sum_l du n.
template <class F, class T>
void gradient_sums(const T* __restrict x, const T* __restrict dy, std::int64_t L, std::int64_t C,
                   const Channels<T>& k, T* __restrict sum_du, T* __restrict sum_du_n) {
  const T* __restrict scale = k.scale, * __restrict shift = k.shift, * __restrict mean = k.mean, * __restrict inverse = k.inverse;
  std::fill_n(sum_du, C, T(0));
  std::fill_n(sum_du_n, C, T(0));
  for (std::int64_t l = 0; l < L; ++l)
    for (std::int64_t c = 0; c < C; ++c) {
      const T n = (x[l * C + c] - mean[c]) * inverse[c];
      const T du = dy[l * C + c] * F::slope(scale[c] * n + shift[c]);
      sum_du[c] += du;
      sum_du_n[c] += du * n;
    }
}

// dx (+)= inverse (dn - mean_dn - n mean_dn_n)
template <class F, class T>
void input_gradient(const T* __restrict x, const T* __restrict dy, std::int64_t L, std::int64_t C,
                    const Channels<T>& k, const T* __restrict mean_dn,
                    const T* __restrict mean_dn_n, bool add, T* __restrict dx) {
  const T* __restrict scale = k.scale, * __restrict shift = k.shift, * __restrict mean = k.mean, * __restrict inverse = k.inverse;
  if (!add) std::fill_n(dx, L * C, T(0));
  for (std::int64_t l = 0; l < L; ++l)
    for (std::int64_t c = 0; c < C; ++c) {
      const T n = (x[l * C + c] - mean[c]) * inverse[c];
      const T dn = scale[c] * dy[l * C + c] * F::slope(scale[c] * n + shift[c]);
      dx[l * C + c] += inverse[c] * (dn - mean_dn[c] - n * mean_dn_n[c]);
    }
}

// Means over each group of per-channel sums weighted by `weight` (or 1), written to all its
// channels.
template <class T>
void group_means(const T* sum, const T* weight, std::int64_t C, std::int64_t groups, std::int64_t L,
                 T* mean) {
  const std::int64_t each = C / groups;
  for (std::int64_t first = 0; first < C; first += each) {
    T total = 0;
    for (std::int64_t c = first; c < first + each; ++c)
      total += weight ? weight[c] * sum[c] : sum[c];
    std::fill_n(mean + first, each, total / T(each * L));
  }
}

} // namespace

void CpuBackend::group_norm(const Tensor& x, const Tensor& gamma, const Tensor& beta,
                            double epsilon, Activation kind, const Tensor& y,
                            const Tensor& statistics) {
  const Signal s(x);
  const std::int64_t L = s.length, C = s.channels, groups = statistics.shape()[1];
  Tensor scratch({s.batch, 3, C}, x.dtype(), *this);
  visit(x.dtype(), [&]<class T>(T) {
    parallel_for(s.batch, [&](std::int64_t b) {
      const T* in = x.data<T>() + b * L * C;
      T *sum = scratch.data<T>() + b * 3 * C, *mean = sum + C, *inverse = mean + C;
      sum_channels(in, L, C, sum);
      group_means<T>(sum, nullptr, C, groups, L, mean);
      sum_squares(in, L, C, mean, sum);
      group_means<T>(sum, nullptr, C, groups, L, inverse);
      for (std::int64_t c = 0; c < C; ++c) inverse[c] = 1 / std::sqrt(inverse[c] + T(epsilon));
      T* moments = statistics.data<T>() + b * groups * 2;
      for (std::int64_t g = 0; g < groups; ++g) {
        moments[2 * g] = mean[g * (C / groups)];
        moments[2 * g + 1] = inverse[g * (C / groups)];
      }
      const Channels<T> k{gamma.data<T>(), beta.data<T>(), mean, inverse};
      scalar::visit_activation(
          kind, [&]<class F>(F) { normalise<F>(in, L, C, k, y.data<T>() + b * L * C); });
    });
  });
}

void CpuBackend::group_norm_backward(const Tensor& x, const Tensor& gamma, const Tensor& beta,
                                     const Tensor& statistics, Activation kind, const Tensor& dy,
                                     Out dx, Out dgamma, Out dbeta) {
  const Signal s(x);
  const std::int64_t L = s.length, C = s.channels, groups = statistics.shape()[1];
  Tensor sums({s.batch, 2, C}, x.dtype(), *this), scratch({s.batch, 4, C}, x.dtype(), *this);
  visit(x.dtype(), [&]<class T>(T) {
    parallel_for(s.batch, [&](std::int64_t b) {
      const T *in = x.data<T>() + b * L * C, *d = dy.data<T>() + b * L * C;
      const T* moments = statistics.data<T>() + b * groups * 2;
      T *sum_du = sums.data<T>() + b * 2 * C, *sum_du_n = sum_du + C;
      T *mean = scratch.data<T>() + b * 4 * C, *inverse = mean + C, *mean_dn = inverse + C,
        *mean_dn_n = mean_dn + C;
      for (std::int64_t c = 0; c < C; ++c) {
        mean[c] = moments[c / (C / groups) * 2];
        inverse[c] = moments[c / (C / groups) * 2 + 1];
      }
      const Channels<T> k{gamma.data<T>(), beta.data<T>(), mean, inverse};
      scalar::visit_activation(kind, [&]<class F>(F) {
        gradient_sums<F>(in, d, L, C, k, sum_du, sum_du_n);
        if (!dx.tensor) return;
        group_means(sum_du, k.scale, C, groups, L, mean_dn);
        group_means(sum_du_n, k.scale, C, groups, L, mean_dn_n);
        input_gradient<F>(in, d, L, C, k, mean_dn, mean_dn_n, dx.add,
                          dx.tensor.data<T>() + b * L * C);
      });
    });
    const auto sum_over_batch = [&](std::int64_t which, Out out) {
      if (!out.tensor) return;
      for (std::int64_t c = 0; c < C; ++c) {
        double sum = 0;
        for (std::int64_t b = 0; b < s.batch; ++b)
          sum += double(sums.data<T>()[(b * 2 + which) * C + c]);
        T& target = out.tensor.data<T>()[c];
        target = (out.add ? target : T(0)) + T(sum);
      }
    };
    sum_over_batch(0, dbeta);
    sum_over_batch(1, dgamma);
  });
}

} // namespace lookback::cpu::LOOKBACK_ISA
