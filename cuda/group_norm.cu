// Group norm with its activation. A group of float32 numbers that fits in the registers of a warp
// is read once, as all groups of the paper's network are; the others take a block each. Sums have a
// fixed order.
#include "cuda/cuda_backend.cuh"
#include "engine/scalar.hpp"

namespace lookback::cuda {
namespace {

constexpr int warps = block_threads / 32;
constexpr unsigned all_lanes = 0xffffffffu;

__device__ float warp_sum(float value) {
  for (int half = 16; half > 0; half /= 2) value += __shfl_xor_sync(all_lanes, value, half);
  return value;
}

struct Sizes {
  Index samples;
  int length, channels, groups;
};

// A group in a warp: its rows of `width` channels side by side, rows_a_step of them at a time. Lane
// k + width r has channel k of rows r, r + rows_a_step, ...; lanes that are left over have none.
struct WarpGroup {
  int number; // of all samples' groups
  int width, rows_a_step, row, channel, length;
  Index first, step; // places of the lane's first element, and from one to the next

  __device__ explicit WarpGroup(const Sizes& s) : width(s.channels / s.groups), length(s.length) {
    number = int(blockIdx.x * warps + threadIdx.x / 32);
    const int lane = threadIdx.x % 32, sample = number / s.groups, group = number % s.groups;
    rows_a_step = 32 / width;
    row = lane / width;
    channel = group * width + lane % width;
    first = (Index(sample) * length + row) * s.channels + channel;
    step = Index(rows_a_step) * s.channels;
  }
  __device__ bool has(int i) const { return row < rows_a_step && row + i * rows_a_step < length; }
  __device__ float count() const { return float(length * width); }
  // The sum of the values of all lanes with this lane's channel.
  __device__ float channel_sum(float value) const {
    const int lane = threadIdx.x % 32;
    float sum = 0;
    for (int r = 0; r < rows_a_step; ++r)
      sum += __shfl_sync(all_lanes, value, lane % width + r * width);
    return sum;
  }
};

// `steps` elements a lane at most.
template <class F, int steps>
__global__ void group_norm_warp_kernel(Sizes s, const float* x, const float* gamma,
                                       const float* beta, float epsilon, float* y,
                                       float* statistics) {
  const WarpGroup group(s);
  if (group.number >= s.samples * s.groups) return; // with all of its warp
  float value[steps], sum = 0, squares = 0;
#pragma unroll
  for (int i = 0; i < steps; ++i) {
    value[i] = group.has(i) ? x[group.first + i * group.step] : 0;
    sum += value[i];
  }
  const float mean = warp_sum(sum) / group.count();
#pragma unroll
  for (int i = 0; i < steps; ++i) {
    value[i] = group.has(i) ? value[i] - mean : 0;
    squares += value[i] * value[i];
  }
  const float inverse = 1 / sqrt(warp_sum(squares) / group.count() + epsilon);
  const float scale = gamma[group.channel], shift = beta[group.channel];
#pragma unroll
  for (int i = 0; i < steps; ++i)
    if (group.has(i))
      y[group.first + i * group.step] = F::value(scale * (value[i] * inverse) + shift);
  if (threadIdx.x % 32 == 0) {
    statistics[2 * Index(group.number)] = mean;
    statistics[2 * Index(group.number) + 1] = inverse;
  }
}

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

template <class F, int steps>
__global__ void group_norm_backward_warp_kernel(Sizes s, Backward<float> p) {
  const WarpGroup group(s);
  if (group.number >= s.samples * s.groups) return; // with all of its warp
  const float* statistics = p.statistics + 2 * Index(group.number);
  const float mean = statistics[0], inverse = statistics[1];
  const float gamma = p.gamma[group.channel];
  float n[steps], du[steps], sum_du = 0, sum_du_n = 0;
#pragma unroll
  for (int i = 0; i < steps; ++i) {
    n[i] = du[i] = 0;
    if (group.has(i))
      slopes<float, F>(p, group.first + i * group.step, group.channel, mean, inverse, n[i], du[i]);
    sum_du += du[i];
    sum_du_n += du[i] * n[i];
  }
  sum_du = group.channel_sum(sum_du);
  sum_du_n = group.channel_sum(sum_du_n);
  if (group.row == 0) {
    const Index place = Index(group.number / s.groups) * s.channels + group.channel;
    p.sum_du[place] = sum_du;
    p.sum_du_n[place] = sum_du_n;
  }
  const float of_channel = group.row == 0 ? gamma : 0;
  const float mean_dn = warp_sum(of_channel * sum_du) / group.count();
  const float mean_dn_n = warp_sum(of_channel * sum_du_n) / group.count();
  if (!p.dx) return;
#pragma unroll
  for (int i = 0; i < steps; ++i)
    if (group.has(i))
      store(p.dx + group.first + i * group.step, p.add,
            inverse * (gamma * du[i] - mean_dn - n[i] * mean_dn_n));
}

// Calls f with the number of steps, as a type, that a warp needs for a group; false where a group
// is too large for a warp, or groups are too many to be counted in 32 bits.
template <class F> bool visit_steps(const Sizes& s, F&& f) {
  const int width = s.channels / s.groups;
  if (width > 32 || s.samples * s.groups > 1 << 30) return false;
  const int rows = 32 / width, steps = (s.length + rows - 1) / rows;
  if (steps <= 8)
    f(std::integral_constant<int, 8>{});
  else if (steps <= 32)
    f(std::integral_constant<int, 32>{});
  return steps <= 32;
}

Index blocks_of_warps(const Sizes& s) {
  return (s.samples * s.groups + warps - 1) / warps;
}

} // namespace

void CudaBackend::group_norm(const Tensor& x, const Tensor& gamma, const Tensor& beta,
                             double epsilon, Activation kind, const Tensor& y,
                             const Tensor& statistics) {
  const Signal s(x);
  const Index groups = statistics.shape()[1];
  const Sizes sizes{s.batch, int(s.length), int(s.channels), int(groups)};
  const Launch at = launch("group_norm", x.shape());
  scalar::visit_activation(kind, [&]<class F>(F) {
    const auto with_warps = [&]<int steps>(std::integral_constant<int, steps>) {
      at.blocks(group_norm_warp_kernel<F, steps>, blocks_of_warps(sizes), sizes, x.data<float>(),
                gamma.data<float>(), beta.data<float>(), epsilon, y.data<float>(),
                statistics.data<float>());
    };
    if (x.dtype() == DType::f32 && visit_steps(sizes, with_warps)) return;
    visit(x.dtype(), [&]<class T>(T) {
      at.blocks(group_norm_kernel<T, F>, s.batch * groups, s.length, s.channels, groups,
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
  const Sizes sizes{s.batch, int(s.length), int(s.channels), int(groups)};
  const Launch at = launch("group_norm_backward", x.shape());
  const auto pointers = [&]<class T>(T) {
    return Backward<T>{x.data<T>(),       gamma.data<T>(),     beta.data<T>(), statistics.data<T>(),
                       dy.data<T>(),      dx.tensor.data<T>(), dx.add,         sum_du.data<T>(),
                       sum_du_n.data<T>()};
  };
  scalar::visit_activation(kind, [&]<class F>(F) {
    const auto with_warps = [&]<int steps>(std::integral_constant<int, steps>) {
      at.blocks(group_norm_backward_warp_kernel<F, steps>, blocks_of_warps(sizes), sizes,
                pointers(float{}));
    };
    if (x.dtype() == DType::f32 && visit_steps(sizes, with_warps)) return;
    visit(x.dtype(), [&]<class T>(T) {
      at.blocks(group_norm_backward_kernel<T, F>, s.batch * groups, s.length, s.channels, groups,
                pointers(T{}));
    });
  });
  if (dbeta.tensor) sum_rows(1, sum_du, dbeta);
  if (dgamma.tensor) sum_rows(1, sum_du_n, dgamma);
}

} // namespace lookback::cuda
