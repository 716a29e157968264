// Sums. Partial sums have fixed borders and are added in a fixed order in float64: no atomics, the
// same bits every time.
#include "cuda/cuda_backend.cuh"

namespace lookback::cuda {
namespace {

constexpr Index piece = 1 << 14; // elements of a sample that one block sums
constexpr Index rows_per_piece = 256;

struct Itself {
  __device__ static double of(double x) { return x; }
};
struct Square {
  __device__ static double of(double x) { return x * x; }
};

// partial[b, p] = sum of F::of(x[b, i]) over piece p of sample b; a block for each.
template <class T, class F>
__global__ void partial_sums_kernel(Index per_sample, Index pieces, const T* x, double* partial) {
  const Index sample = blockIdx.x / pieces, first = blockIdx.x % pieces * piece;
  const Index last = min(per_sample, first + piece);
  double sum = 0;
  for (Index i = first + threadIdx.x; i < last; i += blockDim.x)
    sum += F::of(double(x[sample * per_sample + i]));
  sum = block_sum(sum);
  if (threadIdx.x == 0) partial[blockIdx.x] = sum;
}

// y[s] (+)= factor times the sum of the pieces of s, which lie at partial[s along + p across].
template <class T>
__global__ void add_partial_sums_kernel(Index sums, Index pieces, Index along, Index across,
                                        const double* partial, double factor, T* y, bool add) {
  for (Index s = first_element(); s < sums; s += element_stride()) {
    double sum = 0;
    for (Index p = 0; p < pieces; ++p) sum += partial[s * along + p * across];
    store(y + s, add, T(factor * sum));
  }
}

template <class T> __global__ void mean_backward_kernel(Index n, const T* dy, T* dx, bool add) {
  for (Index i = first_element(); i < n; i += element_stride()) store(dx + i, add, *dy / T(n));
}

// partial[p, c] = sum of x[row, c] over the rows of piece p; a thread for each.
template <class T>
__global__ void partial_rows_kernel(Index sums, Index rows, Index channels, const T* x,
                                    double* partial) {
  for (Index s = first_element(); s < sums; s += element_stride()) {
    const Index c = s % channels, first = s / channels * rows_per_piece;
    double sum = 0;
    for (Index row = first; row < min(rows, first + rows_per_piece); ++row)
      sum += double(x[row * channels + c]);
    partial[s] = sum;
  }
}

template <class T>
__global__ void sum_length_kernel(Index sums, Index length, Index channels, T factor, const T* x,
                                  T* y, bool add) {
  for (Index s = first_element(); s < sums; s += element_stride()) {
    const T* column = x + s / channels * length * channels + s % channels;
    T sum = 0;
    for (Index l = 0; l < length; ++l) sum += column[l * channels];
    store(y + s, add, factor * sum);
  }
}

} // namespace

void CudaBackend::squared_norm(const Tensor& x, const Tensor& y) {
  const Index batch = y.size(), per_sample = batch ? x.size() / batch : 0;
  const Index pieces = std::max<Index>(1, (per_sample + piece - 1) / piece);
  const Tensor partial({batch, pieces}, DType::f64, *this);
  visit(x.dtype(), [&]<class T>(T) {
    const Launch at = launch("squared_norm", x.shape());
    at.blocks(partial_sums_kernel<T, Square>, batch * pieces, per_sample, pieces, x.data<T>(),
              partial.data<double>());
    at.elements(add_partial_sums_kernel<T>, batch, batch, pieces, pieces, 1, partial.data<double>(),
                1, y.data<T>(), false);
  });
}

void CudaBackend::mean(const Tensor& x, const Tensor& y) {
  const Index pieces = (x.size() + piece - 1) / piece;
  const Tensor partial({pieces}, DType::f64, *this);
  visit(x.dtype(), [&]<class T>(T) {
    const Launch at = launch("mean", x.shape());
    at.blocks(partial_sums_kernel<T, Itself>, pieces, x.size(), pieces, x.data<T>(),
              partial.data<double>());
    at.elements(add_partial_sums_kernel<T>, 1, 1, pieces, pieces, 1, partial.data<double>(),
                1 / double(x.size()), y.data<T>(), false);
  });
}

void CudaBackend::mean_backward(const Tensor& dy, Out dx) {
  const Tensor& x = dx.tensor;
  visit(dy.dtype(), [&]<class T>(T) {
    launch("mean_backward", x.shape())
        .elements(mean_backward_kernel<T>, x.size(), x.size(), dy.data<T>(), x.data<T>(), dx.add);
  });
}

void CudaBackend::sum_rows(double factor, const Tensor& x, Out y) {
  const Signal s(x);
  const Index pieces = (s.rows() + rows_per_piece - 1) / rows_per_piece, channels = y.tensor.size();
  const Tensor partial({pieces, channels}, DType::f64, *this);
  visit(x.dtype(), [&]<class T>(T) {
    const Launch at = launch("sum_rows", x.shape());
    at.elements(partial_rows_kernel<T>, partial.size(), partial.size(), s.rows(), channels,
                x.data<T>(), partial.data<double>());
    at.elements(add_partial_sums_kernel<T>, channels, channels, pieces, 1, channels,
                partial.data<double>(), factor, y.tensor.data<T>(), y.add);
  });
}

void CudaBackend::sum_length(double factor, const Tensor& x, Out y) {
  const Signal s(x);
  visit(x.dtype(), [&]<class T>(T) {
    launch("sum_length", x.shape())
        .elements(sum_length_kernel<T>, y.tensor.size(), y.tensor.size(), s.length, s.channels,
                  factor, x.data<T>(), y.tensor.data<T>(), y.add);
  });
}

} // namespace lookback::cuda
