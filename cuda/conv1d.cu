// conv1d as a matrix product that is never laid out: the row q = (b, l) of the left matrix holds
// the inputs x[b, l + tap - taps/2, c] side by side, zero beyond the ends, and w[K, Ci, Co] is the
// right matrix as it stands. The weight gradient is the product of the same left matrix,
// transposed, with dy. Here are the plain products, in the number type itself; those on tensor
// cores are in conv1d_tensor_cores.cu.
#include "cuda/conv1d.cuh"
#include "cuda/cuda_backend.cuh"
#include "cuda/tile.cuh"

namespace lookback::cuda {
namespace {

constexpr Index least_channels = 16; // of the left matrix; with fewer, products are plain
constexpr int transposed_width = 32; // of the squares that transpose_kernel turns

template <class T> struct Patches {
  const T* x;
  Index rows, length, channels, taps;

  __device__ T operator()(Index q, Index k) const {
    if (q >= rows || k >= taps * channels) return 0;
    const unsigned tap = unsigned(k) / unsigned(channels), c = unsigned(k) % unsigned(channels);
    const Index shift = Index(tap) - taps / 2, l = Index(unsigned(q) % unsigned(length)) + shift;
    return l >= 0 && l < length ? x[(q + shift) * channels + c] : T(0);
  }
};

template <class T> struct Matrix {
  const T* values;
  Index rows, columns;

  __device__ T operator()(Index row, Index column) const {
    return row < rows && column < columns ? values[row * columns + column] : T(0);
  }
};

// y (+)= scale (patches w + bias + embedding + residual); a block for each tile of y.
template <class T> __global__ void conv1d_kernel(Patches<T> patches, Matrix<T> w, Epilogue<T> e) {
  const Index panels = (w.columns + tile_width - 1) / tile_width;
  const Index first_row = blockIdx.x / panels * tile_width;
  const Index first_column = blockIdx.x % panels * tile_width;
  T sum[thread_width][thread_width] = {};
  multiply_tile<true>(first_row, first_column, 0, w.rows, patches, w, sum);
#pragma unroll
  for (int i = 0; i < thread_width; ++i)
#pragma unroll
    for (int j = 0; j < thread_width; ++j) {
      const Index q = first_row + tile_row(i), c = first_column + tile_column(j);
      if (q >= patches.rows || c >= w.columns) continue;
      T value = sum[i][j];
      if (e.bias) value += e.bias[c];
      if (e.embedding) value += e.embedding[q / patches.length * w.columns + c];
      if (e.residual) value += e.residual[q * w.columns + c];
      store(e.y + q * w.columns + c, e.add, e.scale * value);
    }
}

// partial[split] = patches^T dy over the rows of the split; a block for each tile of each split.
template <class T>
__global__ void weight_gradient_kernel(Patches<T> patches, Matrix<T> dy, Index rows_per_split,
                                       T* partial) {
  const Index dw_rows = patches.taps * patches.channels;
  const Index panels = (dy.columns + tile_width - 1) / tile_width;
  const Index tiles = (dw_rows + tile_width - 1) / tile_width * panels;
  const Index split = blockIdx.x / tiles, tile = blockIdx.x % tiles;
  const Index first_row = tile / panels * tile_width, first_column = tile % panels * tile_width;
  const Index first = split * rows_per_split, last = min(dy.rows, first + rows_per_split);
  const auto transposed = [&patches](Index k, Index q) { return patches(q, k); };
  T sum[thread_width][thread_width] = {};
  multiply_tile<false>(first_row, first_column, first, last, transposed, dy, sum);
#pragma unroll
  for (int i = 0; i < thread_width; ++i)
#pragma unroll
    for (int j = 0; j < thread_width; ++j) {
      const Index k = first_row + tile_row(i), c = first_column + tile_column(j);
      if (k < dw_rows && c < dy.columns)
        partial[(split * dw_rows + k) * dy.columns + c] = sum[i][j];
    }
}

// to[taps - 1 - tap, o, i] = from[tap, i, o], a square a block, read and written along rows.
template <class T>
__global__ void transpose_kernel(Index taps, Index ci, Index co, const T* from, T* to) {
  constexpr int width = transposed_width;
  __shared__ T square[width][width + 1];
  const Index across = (co + width - 1) / width, down = (ci + width - 1) / width;
  const Index first_o = blockIdx.x % across * width, first_i = blockIdx.x / across % down * width;
  const Index tap = blockIdx.x / (across * down);
  const int column = threadIdx.x % width;
  for (int row = threadIdx.x / width; row < width; row += block_threads / width)
    if (first_i + row < ci && first_o + column < co)
      square[row][column] = from[(tap * ci + first_i + row) * co + first_o + column];
  __syncthreads();
  for (int row = threadIdx.x / width; row < width; row += block_threads / width)
    if (first_o + row < co && first_i + column < ci)
      to[((taps - 1 - tap) * co + first_o + row) * ci + first_i + column] = square[column][row];
}

Index pieces(Index size, Index width) {
  return (size + width - 1) / width;
}
Index tiles(Index size) {
  return pieces(size, tile_width);
}

// As many rows for a split of the weight gradient as leave enough blocks, in multiples of 32.
Index rows_per_split(Index rows, Index dw_rows, Index co) {
  const Index splits = pieces(enough_blocks, pieces(dw_rows, 128) * pieces(co, 64));
  return std::max<Index>(4, pieces(pieces(rows, splits), 32)) * 32;
}

bool on_tensor_cores(const Backend& backend, const Tensor& x) {
  return backend.precision() != Precision::fp32 && x.dtype() == DType::f32 &&
         Signal(x).channels >= least_channels;
}

// Positions and columns of the left matrix are divided as 32-bit numbers.
template <class T> Patches<T> patches_of(const Tensor& x, Index taps) {
  const Signal s(x);
  constexpr Index most = Index(1) << 30;
  require(s.rows() <= most && taps * s.channels <= most, "cuda: conv1d of ", x.shape().text(),
          " with ", taps, " taps has too many rows; use a smaller batch");
  return {x.data<T>(), s.rows(), s.length, s.channels, taps};
}

template <class T>
void convolve(const Launch& at, const Tensor& x, const Tensor& w, const Epilogue<T>& e) {
  const Index taps = w.shape()[0], ci = w.shape()[1], co = w.shape()[2];
  const Patches<T> patches = patches_of<T>(x, taps);
  if constexpr (std::is_same_v<T, float>)
    if (on_tensor_cores(x.backend(), x))
      return convolve_on_tensor_cores(at, x.backend().precision(), x, w, e);
  at.blocks(conv1d_kernel<T>, tiles(patches.rows) * tiles(co), patches,
            Matrix<T>{w.data<T>(), taps * ci, co}, e);
}

} // namespace

void CudaBackend::conv1d(const Tensor& x, const Tensor& w, const ConvEpilogue& epilogue,
                         const Tensor& y) {
  visit(x.dtype(), [&]<class T>(T) {
    convolve<T>(launch("conv1d", x.shape()), x, w,
                {epilogue.bias.data<T>(), epilogue.embedding.data<T>(), epilogue.residual.data<T>(),
                 T(epilogue.scale), y.data<T>(), false});
  });
}

void CudaBackend::dense(const Tensor& x, std::span<const DenseLayer> layers,
                        std::span<const Tensor> y) {
  const Tensor rows = as_rows(x);
  if (on_tensor_cores(*this, rows))
    dense_on_tensor_cores(launch("dense", x.shape()), precision(), rows, layers, y);
  else
    Backend::dense(x, layers, y);
}

// The transpose of a "same" convolution is the convolution with taps reversed and channels
// exchanged.
void CudaBackend::conv1d_backward_input(double factor, const Tensor& w, const Tensor& dy, Out dx) {
  const Index taps = w.shape()[0], ci = w.shape()[1], co = w.shape()[2];
  const Tensor transposed({taps, co, ci}, w.dtype(), *this);
  visit(w.dtype(), [&]<class T>(T) {
    const Launch at = launch("conv1d_backward_input", dy.shape());
    at.blocks(transpose_kernel<T>,
              taps * pieces(ci, transposed_width) * pieces(co, transposed_width), taps, ci, co,
              w.data<T>(), transposed.data<T>());
    convolve<T>(at, dy, transposed,
                {nullptr, nullptr, nullptr, T(factor), dx.tensor.data<T>(), dx.add});
  });
}

void CudaBackend::conv1d_backward_weight(double factor, const Tensor& x, const Tensor& dy, Out dw) {
  const Index taps = dw.tensor.shape()[0], ci = dw.tensor.shape()[1], co = dw.tensor.shape()[2];
  const Index rows = Signal(x).rows(), rows_each = rows_per_split(rows, taps * ci, co);
  const Index splits = pieces(rows, rows_each);
  const Tensor partial({splits, taps * ci * co}, x.dtype(), *this);
  visit(x.dtype(), [&]<class T>(T) {
    const Launch at = launch("conv1d_backward_weight", x.shape());
    const Patches<T> patches = patches_of<T>(x, taps);
    if (on_tensor_cores(*this, x))
      weight_gradient_on_tensor_cores(at, precision(), x, dy, taps, rows_each, partial);
    else
      at.blocks(weight_gradient_kernel<T>, splits * tiles(taps * ci) * tiles(co), patches,
                Matrix<T>{dy.data<T>(), rows, co}, rows_each, partial.data<T>());
  });
  sum_rows(factor, partial, dw);
}

} // namespace lookback::cuda
