// One block for each group of each sample. Sums are float64 in a fixed order.
#include "cuda/cuda_backend.cuh"
#include "engine/scalar.hpp"

namespace lookback::cuda {
namespace {

// A group's elements: `length` rows of `width` neighbouring channels, rows `channels` apart.
struct Group {
  Index offset, length, width, channels, first_channel, count;

  __device__ Group(Index length, Index channels, Index groups)
      : length(length), width(channels / groups), channels(channels),
        first_channel(blockIdx.x % groups * width), count(length * width) {
    offset = blockIdx.x / groups * length * channels + first_channel;
  }
  __device__ Index at(Index e) const { return offset + e / width * channels + e % width; }
  __device__ Index channel(Index e) const { return first_channel + e % width; }
};

template <class T, class F>
__global__ void group_norm_kernel(Index length, Index channels, Index groups, const T* x,
                                  const T* gamma, const T* beta, double epsilon, T* y,
                                  T* statistics) {
  const Group group(length, channels, groups);
  double sum = 0;
  for (Index e = threadIdx.x; e < group.count; e += blockDim.x) sum += double(x[group.at(e)]);
  const T mean = T(block_sum(sum) / double(group.count));
  double squares = 0;
  for (Index e = threadIdx.x; e < group.count; e += blockDim.x) {
    const double d = double(x[group.at(e)] - mean);
    squares += d * d;
  }
  const T inverse = T(1 / sqrt(block_sum(squares) / double(group.count) + epsilon));
  for (Index e = threadIdx.x; e < group.count; e += blockDim.x) {
    const Index i = group.at(e), c = group.channel(e);
    y[i] = F::value(gamma[c] * ((x[i] - mean) * inverse) + beta[c]);
  }
  if (threadIdx.x == 0) {
    statistics[2 * blockIdx.x] = mean;
    statistics[2 * blockIdx.x + 1] = inverse;
  }
}

// Pointers of the backward pass; dx may be null.
template <class T> struct Backward {
  const T *x, *gamma, *beta, *statistics, *dy;
  T* dx;
  bool add;
  T *sum_du, *sum_du_n; // [B, C]
};

// n and du of element i in channel c
template <class T, class F>
__device__ void slopes(const Backward<T>& p, Index i, Index c, T mean, T inverse, T& n, T& du) {
  n = (p.x[i] - mean) * inverse;
  du = p.dy[i] * F::slope(p.gamma[c] * n + p.beta[c]);
}

// Sums of du and du n over length, a channel of the group at a time; returns, to every thread, the
// sums of gamma du and gamma du n over the group.
template <class T, class F>
__device__ double2 channel_sums(const Backward<T>& p, const Group& group, Index sample, T mean,
                                T inverse) {
  double2 total = {0, 0};
  for (Index k = 0; k < group.width; ++k) {
    const Index c = group.first_channel + k;
    double du_sum = 0, du_n_sum = 0;
    for (Index l = threadIdx.x; l < group.length; l += blockDim.x) {
      T n, du;
      slopes<T, F>(p, group.offset + l * group.channels + k, c, mean, inverse, n, du);
      du_sum += double(du);
      du_n_sum += double(du * n);
    }
    du_sum = block_sum(du_sum);
    du_n_sum = block_sum(du_n_sum);
    total.x += double(p.gamma[c]) * du_sum;
    total.y += double(p.gamma[c]) * du_n_sum;
    if (threadIdx.x == 0) {
      p.sum_du[sample * group.channels + c] = T(du_sum);
      p.sum_du_n[sample * group.channels + c] = T(du_n_sum);
    }
  }
  return total;
}

template <class T, class F>
__global__ void group_norm_backward_kernel(Index length, Index channels, Index groups,
                                           Backward<T> p) {
  const Group group(length, channels, groups);
  const T mean = p.statistics[2 * blockIdx.x], inverse = p.statistics[2 * blockIdx.x + 1];
  const double2 total = channel_sums<T, F>(p, group, blockIdx.x / groups, mean, inverse);
  if (!p.dx) return;
  const T mean_dn = T(total.x / double(group.count)), mean_dn_n = T(total.y / double(group.count));
  for (Index e = threadIdx.x; e < group.count; e += blockDim.x) {
    const Index i = group.at(e), c = group.channel(e);
    T n, du;
    slopes<T, F>(p, i, c, mean, inverse, n, du);
    store(p.dx + i, p.add, inverse * (p.gamma[c] * du - mean_dn - n * mean_dn_n));
  }
}

} // namespace

void CudaBackend::group_norm(const Tensor& x, const Tensor& gamma, const Tensor& beta,
                             double epsilon, Activation kind, const Tensor& y,
                             const Tensor& statistics) {
  const Signal s(x);
  const Index groups = statistics.shape()[1];
  visit(x.dtype(), [&]<class T>(T) {
    scalar::visit_activation(kind, [&]<class F>(F) {
      launch("group_norm", x.shape())
          .blocks(group_norm_kernel<T, F>, s.batch * groups, s.length, s.channels, groups,
                  x.data<T>(), gamma.data<T>(), beta.data<T>(), epsilon, y.data<T>(),
                  statistics.data<T>());
    });
  });
}

void CudaBackend::group_norm_backward(const Tensor& x, const Tensor& gamma, const Tensor& beta,
                                      const Tensor& statistics, Activation kind, const Tensor& dy,
                                      Out dx, Out dgamma, Out dbeta) {
  const Signal s(x);
  const Index groups = statistics.shape()[1];
  const Tensor sum_du({s.batch, s.channels}, x.dtype(), *this);
  const Tensor sum_du_n({s.batch, s.channels}, x.dtype(), *this);
  visit(x.dtype(), [&]<class T>(T) {
    const Backward<T> pointers = {
        x.data<T>(),         gamma.data<T>(), beta.data<T>(),   statistics.data<T>(), dy.data<T>(),
        dx.tensor.data<T>(), dx.add,          sum_du.data<T>(), sum_du_n.data<T>()};
    scalar::visit_activation(kind, [&]<class F>(F) {
      launch("group_norm_backward", x.shape())
          .blocks(group_norm_backward_kernel<T, F>, s.batch * groups, s.length, s.channels, groups,
                  pointers);
    });
  });
  if (dbeta.tensor) sum_rows(1, sum_du, dbeta);
  if (dgamma.tensor) sum_rows(1, sum_du_n, dgamma);
}

} // namespace lookback::cuda
