// Attention with its L x L weights in device memory; one block a row of weights.
#include "cuda/cuda_backend.cuh"
#include "engine/scalar.hpp"

namespace lookback::cuda {
namespace {

constexpr int warp_threads = 32;

// A sample's rows of qkv are [q | k | v], C channels each.
template <class T> struct Attention {
  const T* qkv;
  Index length, channels;

  __device__ const T* part(Index sample, Index row, int which) const {
    return qkv + ((sample * length + row) * 3 + which) * channels;
  }
};

// row[j] = scale <a, keys(j)>, a warp for each j; the order of the sum is fixed.
template <class T, class Keys>
__device__ void row_of_products(const T* a, const Keys& keys, Index length, Index channels, T scale,
                                T* row) {
  const int lane = threadIdx.x % warp_threads, warps = block_threads / warp_threads;
  for (Index j = threadIdx.x / warp_threads; j < length; j += warps) {
    const T* b = keys(j);
    T dot = 0;
    for (Index c = lane; c < channels; c += warp_threads) dot += a[c] * b[c];
    for (int half = warp_threads / 2; half > 0; half /= 2)
      dot += __shfl_down_sync(0xffffffffu, dot, half);
    if (lane == 0) row[j] = dot * scale;
  }
  __syncthreads();
}

// The largest of a row, found by every thread for itself; rows are short.
template <class T> __device__ T largest(const T* row, Index length) {
  T value = row[0];
  for (Index j = 1; j < length; ++j) value = row[j] > value ? row[j] : value;
  return value;
}

// row[j] = softmax_j(q_i k_j / sqrt C), known to the whole block.
template <class T>
__device__ void weights_of_row(const Attention<T>& in, Index sample, Index i, T scale, T* row) {
  const auto keys = [&](Index j) { return in.part(sample, j, 1); };
  row_of_products(in.part(sample, i, 0), keys, in.length, in.channels, scale, row);
  const T top = largest(row, in.length);
  __syncthreads(); // all have read the row before any changes it
  double sum = 0;
  for (Index j = threadIdx.x; j < in.length; j += blockDim.x) {
    row[j] = scalar::exponential(row[j] - top);
    sum += double(row[j]);
  }
  const T total = T(block_sum(sum));
  for (Index j = threadIdx.x; j < in.length; j += blockDim.x) row[j] /= total;
  __syncthreads();
}

// y[b, i] = sum_j weights[b, i, j] v_j; a block for each (b, i).
template <class T> __global__ void attention_kernel(Attention<T> in, T scale, T* weights, T* y) {
  const Index sample = blockIdx.x / in.length, i = blockIdx.x % in.length;
  T* row = weights + Index(blockIdx.x) * in.length;
  weights_of_row(in, sample, i, scale, row);
  for (Index c = threadIdx.x; c < in.channels; c += blockDim.x) {
    T sum = 0;
    for (Index j = 0; j < in.length; ++j) sum += row[j] * in.part(sample, j, 2)[c];
    y[blockIdx.x * in.channels + c] = sum;
  }
}

// The weights p again, and slopes[b, i, j] = p_ij (dy_i v_j - sum_j p_ij dy_i v_j) / sqrt C; a
// block for each (b, i).
template <class T>
__global__ void slopes_kernel(Attention<T> in, const T* dy, T scale, T* weights, T* slopes) {
  const Index sample = blockIdx.x / in.length, row_number = blockIdx.x;
  T *p = weights + row_number * in.length, *row = slopes + row_number * in.length;
  weights_of_row(in, sample, row_number % in.length, scale, p);
  const auto values = [&](Index j) { return in.part(sample, j, 2); };
  row_of_products(dy + row_number * in.channels, values, in.length, in.channels, T(1), row);
  double sum = 0;
  for (Index j = threadIdx.x; j < in.length; j += blockDim.x) sum += double(p[j] * row[j]);
  const T mean = T(block_sum(sum));
  for (Index j = threadIdx.x; j < in.length; j += blockDim.x)
    row[j] = p[j] * (row[j] - mean) * scale;
}

// dq_i = sum_j slopes_ij k_j,  dk_i = sum_j slopes_ji q_j,  dv_i = sum_j p_ji dy_j
template <class T>
__global__ void attention_backward_kernel(Index n, Attention<T> in, const T* dy, const T* weights,
                                          const T* slopes, T* dqkv, bool add) {
  const Index L = in.length, C = in.channels;
  for (Index e = first_element(); e < n; e += element_stride()) {
    const Index c = e % C, which = e / C % 3, i = e / (3 * C) % L, sample = e / (3 * C * L);
    const T *p = weights + sample * L * L, *ds = slopes + sample * L * L;
    T sum = 0;
    for (Index j = 0; j < L; ++j)
      sum += which == 0   ? ds[i * L + j] * in.part(sample, j, 1)[c]
             : which == 1 ? ds[j * L + i] * in.part(sample, j, 0)[c]
                          : p[j * L + i] * dy[(sample * L + j) * C + c];
    store(dqkv + e, add, sum);
  }
}

} // namespace

void CudaBackend::attention(const Tensor& qkv, const Tensor& y) {
  const Signal s(y);
  const Tensor weights({s.batch, s.length, s.length}, y.dtype(), *this);
  visit(y.dtype(), [&]<class T>(T) {
    const Attention<T> in{qkv.data<T>(), s.length, s.channels};
    launch("attention", qkv.shape())
        .blocks(attention_kernel<T>, s.rows(), in, 1 / std::sqrt(T(s.channels)), weights.data<T>(),
                y.data<T>());
  });
}

void CudaBackend::attention_backward(const Tensor& qkv, const Tensor& dy, Out dqkv) {
  const Signal s(dy);
  const Shape square{s.batch, s.length, s.length};
  const Tensor weights(square, dy.dtype(), *this), slopes(square, dy.dtype(), *this);
  visit(dy.dtype(), [&]<class T>(T) {
    const Attention<T> in{qkv.data<T>(), s.length, s.channels};
    const T scale = 1 / std::sqrt(T(s.channels));
    const Launch at = launch("attention_backward", qkv.shape());
    at.blocks(slopes_kernel<T>, s.rows(), in, dy.data<T>(), scale, weights.data<T>(),
              slopes.data<T>());
    at.elements(attention_backward_kernel<T>, qkv.size(), qkv.size(), in, dy.data<T>(),
                weights.data<T>(), slopes.data<T>(), dqkv.tensor.data<T>(), dqkv.add);
  });
}

} // namespace lookback::cuda
