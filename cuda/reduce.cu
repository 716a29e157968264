// Sums. Partial sums have fixed borders and are added in a fixed order in float64: no atomics, the
// same bits every time.
#include "cuda/cuda_backend.cuh"
#include "cuda/map.cuh"

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

// y[b] = factor times the sum of partial[b, p]; a block for each.
template <class T>
__global__ void add_partial_sums_kernel(Index pieces, const double* partial, double factor, T* y) {
  double sum = 0;
  for (Index p = threadIdx.x; p < pieces; p += blockDim.x) sum += partial[blockIdx.x * pieces + p];
  sum = block_sum(sum);
  if (threadIdx.x == 0) y[blockIdx.x] = T(factor * sum);
}

template <class T> struct Share {
  const T* whole;
  Index n;
  __device__ T operator()(Index) const { return *whole / T(n); }
};

constexpr int columns_a_block = 32, turns = block_threads / columns_a_block;

// y[p, c] (+)= factor times the sum of x[row, c] over the rows of piece p; a block for 32 columns
// of a piece, whose 8 warps take the rows in turn.
template <class From, class To>
__global__ void sum_rows_kernel(Index rows, Index rows_each, Index channels, double factor,
                                const From* x, To* y, bool add) {
  __shared__ double sums[turns][columns_a_block];
  const Index blocks_across = (channels + columns_a_block - 1) / columns_a_block;
  const Index p = blockIdx.x / blocks_across;
  const int column = threadIdx.x % columns_a_block, turn = threadIdx.x / columns_a_block;
  const Index c = blockIdx.x % blocks_across * columns_a_block + column;
  const Index last = min(rows, (p + 1) * rows_each);
  double sum = 0;
  if (c < channels)
#pragma unroll 8
    for (Index row = p * rows_each + turn; row < last; row += turns)
      sum += double(x[row * channels + c]);
  sums[turn][column] = sum;
  __syncthreads();
  if (turn != 0 || c >= channels) return;
  for (int other = 1; other < turns; ++other) sum += sums[other][column];
  store(y + p * channels + c, add, To(factor * sum));
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
    at.blocks(add_partial_sums_kernel<T>, batch, pieces, partial.data<double>(), 1, y.data<T>());
  });
}

void CudaBackend::mean(const Tensor& x, const Tensor& y) {
  const Index pieces = (x.size() + piece - 1) / piece;
  const Tensor partial({pieces}, DType::f64, *this);
  visit(x.dtype(), [&]<class T>(T) {
    const Launch at = launch("mean", x.shape());
    at.blocks(partial_sums_kernel<T, Itself>, pieces, x.size(), pieces, x.data<T>(),
              partial.data<double>());
    at.blocks(add_partial_sums_kernel<T>, 1, pieces, partial.data<double>(), 1 / double(x.size()),
              y.data<T>());
  });
}

void CudaBackend::mean_backward(const Tensor& dy, Out dx) {
  const Tensor& x = dx.tensor;
  visit(dy.dtype(), [&]<class T>(T) {
    map<T>(launch("mean_backward", x.shape()), x.size(), Share<T>{dy.data<T>(), x.size()}, dx);
  });
}

void CudaBackend::sum_rows(double factor, const Tensor& x, Out y) {
  const Index rows = Signal(x).rows(), channels = y.tensor.size();
  const Index pieces = std::max<Index>(1, (rows + rows_per_piece - 1) / rows_per_piece);
  const Index across = (channels + columns_a_block - 1) / columns_a_block;
  visit(x.dtype(), [&]<class T>(T) {
    const Launch at = launch("sum_rows", x.shape());
    if (pieces == 1)
      return at.blocks(sum_rows_kernel<T, T>, across, rows, rows_per_piece, channels, factor,
                       x.data<T>(), y.tensor.data<T>(), y.add);
    const Tensor partial({pieces, channels}, DType::f64, *this);
    at.blocks(sum_rows_kernel<T, double>, pieces * across, rows, rows_per_piece, channels, 1,
              x.data<T>(), partial.data<double>(), false);
    at.blocks(sum_rows_kernel<double, T>, across, pieces, pieces, channels, factor,
              partial.data<double>(), y.tensor.data<T>(), y.add);
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
