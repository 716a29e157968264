#include "engine/cpu/cpu_backend.hpp"
#include "engine/scalar.hpp"

namespace lookback::cpu {
namespace {

// Sums over length, channel by channel, of f(index, channel): the loop over channels is contiguous.
template <class T, class F>
void channel_sums(std::int64_t length, std::int64_t channels, T* sum, F&& f) {
  std::fill_n(sum, channels, T(0));
  for (std::int64_t l = 0; l < length; ++l)
    for (std::int64_t c = 0; c < channels; ++c) sum[c] += f(l * channels + c, c);
}

template <class T>
T group_mean(const T* sums, std::int64_t first, std::int64_t per_group, std::int64_t length) {
  T sum = 0;
  for (std::int64_t c = first; c < first + per_group; ++c) sum += sums[c];
  return sum / T(per_group * length);
}

// Statistics of one sample spread out to one mean and one 1/deviation a channel.
template <class T>
void spread(const T* statistics, std::int64_t groups, std::int64_t channels, T* mean, T* inverse) {
  const std::int64_t per_group = channels / groups;
  for (std::int64_t c = 0; c < channels; ++c) {
    mean[c] = statistics[c / per_group * 2];
    inverse[c] = statistics[c / per_group * 2 + 1];
  }
}

} // namespace

void CpuBackend::group_norm(const Tensor& x, const Tensor& gamma, const Tensor& beta,
                            double epsilon, Activation kind, const Tensor& y,
                            const Tensor& statistics) {
  const Signal s(x);
  const std::int64_t groups = statistics.shape()[1], per_group = s.channels / groups,
                     C = s.channels;
  Tensor scratch({s.batch, 3, C}, x.dtype(), *this);
  visit(x.dtype(), [&]<class T>(T) {
    const T *scale = gamma.data<T>(), *shift = beta.data<T>();
    scalar::visit_activation(kind, [&]<class F>(F) {
      parallel_for(s.batch, [&](std::int64_t b) {
        const T* in = x.data<T>() + b * s.length * C;
        T* out = y.data<T>() + b * s.length * C;
        T* moments = statistics.data<T>() + b * groups * 2;
        T *sum = scratch.data<T>() + b * 3 * C, *mean = sum + C, *inverse = mean + C;

        channel_sums(s.length, C, sum, [&](std::int64_t i, std::int64_t) { return in[i]; });
        for (std::int64_t g = 0; g < groups; ++g)
          moments[2 * g] = group_mean(sum, g * per_group, per_group, s.length);
        spread(moments, groups, C, mean, inverse);
        channel_sums(s.length, C, sum, [&](std::int64_t i, std::int64_t c) {
          const T d = in[i] - mean[c];
          return d * d;
        });
        for (std::int64_t g = 0; g < groups; ++g)
          moments[2 * g + 1] =
              1 / std::sqrt(group_mean(sum, g * per_group, per_group, s.length) + T(epsilon));
        spread(moments, groups, C, mean, inverse);

        for (std::int64_t l = 0; l < s.length; ++l)
          for (std::int64_t c = 0; c < C; ++c)
            out[l * C + c] =
                F::value(scale[c] * ((in[l * C + c] - mean[c]) * inverse[c]) + shift[c]);
      });
    });
  });
}

void CpuBackend::group_norm_backward(const Tensor& x, const Tensor& gamma, const Tensor& beta,
                                     const Tensor& statistics, Activation kind, const Tensor& dy,
                                     Out dx, Out dgamma, Out dbeta) {
  const Signal s(x);
  const std::int64_t groups = statistics.shape()[1], per_group = s.channels / groups,
                     C = s.channels;
  // Per sample: sum du and sum du n (kept for dbeta and dgamma), then per-channel scratch.
  Tensor sums({s.batch, 2, C}, x.dtype(), *this), scratch({s.batch, 4, C}, x.dtype(), *this);
  visit(x.dtype(), [&]<class T>(T) {
    const T *scale = gamma.data<T>(), *shift = beta.data<T>();
    scalar::visit_activation(kind, [&]<class F>(F) {
      parallel_for(s.batch, [&](std::int64_t b) {
        const T *in = x.data<T>() + b * s.length * C, *d = dy.data<T>() + b * s.length * C;
        T *sum_du = sums.data<T>() + b * 2 * C, *sum_du_n = sum_du + C;
        T *mean = scratch.data<T>() + b * 4 * C, *inverse = mean + C, *mean_dn = inverse + C,
          *mean_dn_n = mean_dn + C;
        spread(statistics.data<T>() + b * groups * 2, groups, C, mean, inverse);
        const auto normalised = [&](std::int64_t i, std::int64_t c) {
          return (in[i] - mean[c]) * inverse[c];
        };
        const auto du = [&](std::int64_t i, std::int64_t c, T n) {
          return d[i] * F::slope(scale[c] * n + shift[c]);
        };

        std::fill_n(sum_du, 2 * C, T(0));
        for (std::int64_t l = 0; l < s.length; ++l)
          for (std::int64_t c = 0; c < C; ++c) {
            const T n = normalised(l * C + c, c), u = du(l * C + c, c, n);
            sum_du[c] += u;
            sum_du_n[c] += u * n;
          }
        if (!dx.tensor) return;
        for (std::int64_t g = 0; g < groups; ++g) {
          T a = 0, m = 0;
          for (std::int64_t c = g * per_group; c < (g + 1) * per_group; ++c) {
            a += scale[c] * sum_du[c];
            m += scale[c] * sum_du_n[c];
          }
          for (std::int64_t c = g * per_group; c < (g + 1) * per_group; ++c) {
            mean_dn[c] = a / T(per_group * s.length);
            mean_dn_n[c] = m / T(per_group * s.length);
          }
        }
        T* out = dx.tensor.data<T>() + b * s.length * C;
        if (!dx.add) std::fill_n(out, s.length * C, T(0));
        for (std::int64_t l = 0; l < s.length; ++l)
          for (std::int64_t c = 0; c < C; ++c) {
            const T n = normalised(l * C + c, c), dn = scale[c] * du(l * C + c, c, n);
            out[l * C + c] = out[l * C + c] + inverse[c] * (dn - mean_dn[c] - n * mean_dn_n[c]);
          }
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

} // namespace lookback::cpu
