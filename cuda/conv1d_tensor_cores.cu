// conv1d as in conv1d.cu, its products on tensor cores.
#include "cuda/conv1d.cuh"
#include "cuda/map.cuh"
#include "cuda/tensor_tile.cuh"
#include "engine/signal.hpp"

namespace lookback::cuda {
namespace {

constexpr int nowhere = -(1 << 30);

struct Problem {
  const float *x, *w; // w: dy where the gradient of the weights is wanted
  int rows, length, ci, co, taps;
  bool fours_of_x, fours_of_w; // rows of x, and of w and y, are whole and aligned groups of four
  Epilogue<float> epilogue;
};

// y[row, c ... c + 3] (+)= scale (sum + bias + embedding + residual)
__device__ void finish_four(const Problem& p, int row, int c, const float (&sum)[4]) {
  const Epilogue<float>& e = p.epilogue;
  const Index q = row, sample = row / p.length;
  float value[4] = {sum[0], sum[1], sum[2], sum[3]}, term[4];
  float* y = e.y + q * p.co + c;
  if (p.fours_of_w) {
    const auto add = [&](const float* from) {
      load_four(term, from);
#pragma unroll
      for (int j = 0; j < 4; ++j) value[j] += term[j];
    };
    if (e.bias) add(e.bias + c);
    if (e.embedding) add(e.embedding + sample * p.co + c);
    if (e.residual) add(e.residual + q * p.co + c);
    float4 result = {e.scale * value[0], e.scale * value[1], e.scale * value[2],
                     e.scale * value[3]};
    if (e.add) {
      load_four(term, y);
      result = {term[0] + result.x, term[1] + result.y, term[2] + result.z, term[3] + result.w};
    }
    *reinterpret_cast<float4*>(y) = result;
    return;
  }
#pragma unroll
  for (int j = 0; j < 4; ++j) {
    if (c + j >= p.co) continue;
    if (e.bias) value[j] += e.bias[c + j];
    if (e.embedding) value[j] += e.embedding[sample * p.co + c + j];
    if (e.residual) value[j] += e.residual[q * p.co + c + j];
    store(y + j, e.add, e.scale * value[j]);
  }
}

// Tile `tile` of y, 64 row_tiles rows by 64 columns, by a block.
template <class Math, int row_tiles> __device__ void convolve_tile(const Problem& p, int tile) {
  constexpr int block_rows = 64 * row_tiles, stages = row_tiles == 1 ? 3 : 2;
  constexpr int rows_a_thread = block_rows / 32; // 8 threads a row
  alignas(16) __shared__ float patches[stages][block_rows * depth],
      weights[stages][depth * block_columns];
  const int panels = (p.co + block_columns - 1) / block_columns;
  const int first_row = tile / panels * block_rows;
  const int first_column = tile % panels * block_columns;
  const int terms = p.taps * p.ci, group = threadIdx.x % 8, row = threadIdx.x / 8;
  int position[rows_a_thread];
#pragma unroll
  for (int i = 0; i < rows_a_thread; ++i) {
    const int q = first_row + row + 32 * i;
    position[i] = q < p.rows ? q % p.length : nowhere;
  }
  const auto load = [&](int slab, int stage) {
    const int step = p.fours_of_x ? 4 : 1;
    for (int j = 0; j < 4; j += step) {
      const int k = slab * depth + 4 * group + j, tap = k / p.ci, shift = tap - p.taps / 2;
      const float* from = p.x + Index(first_row + row + shift) * p.ci + (k - tap * p.ci);
#pragma unroll
      for (int i = 0; i < rows_a_thread; ++i) {
        const bool there = tap < p.taps && unsigned(position[i] + shift) < unsigned(p.length);
        copy_async(patches[stage] + place_in_rows(row + 32 * i, group) + j,
                   there ? from + Index(32 * i) * p.ci : p.x, there, p.fours_of_x);
      }
    }
    load_matrix(weights[stage], p.w, terms, p.co, p.fours_of_w, slab * depth, first_column);
  };
  const Lane lane;
  float sum[row_tiles][4][4] = {};
  const auto multiply = [&](int stage) {
#pragma unroll
    for (int k = 0; k < depth; k += part) {
      Fragments<row_tiles> f;
      lane.load_columns(weights[stage], k, f);
#pragma unroll
      for (int i = 0; i < 2 * row_tiles; ++i)
        load_four(f.rows[i / 2][i % 2],
                  patches[stage] +
                      place_in_rows(lane.row<row_tiles>() + 8 * i + lane.g, k / 4 + lane.t));
      Math::multiply(f, sum);
    }
  };
  for_slabs<stages>((terms + depth - 1) / depth, load, multiply);
  lane.for_fours(sum, [&](int i, int half, int column, const float(&values)[4]) {
    const int q = first_row + lane.row<row_tiles>() + 16 * i + 8 * half + lane.g;
    const int c = first_column + column;
    if (q < p.rows && c < p.co) finish_four(p, q, c, values);
  });
}

template <class Math, int row_tiles>
__global__ void __launch_bounds__(block_threads) convolve_kernel(Problem p) {
  convolve_tile<Math, row_tiles>(p, int(blockIdx.x));
}

// What dense layers of the same x differ in; the tiles of layer i are those from first_tile[i] on.
constexpr std::size_t most_layers = 32;
struct Layers {
  const float *w[most_layers], *bias[most_layers];
  float* y[most_layers];
  int co[most_layers], first_tile[most_layers + 1];
  bool fours_of_w[most_layers];
};

template <class Math>
__global__ void __launch_bounds__(block_threads) dense_kernel(Problem p, Layers layers) {
  int i = 0;
  while (int(blockIdx.x) >= layers.first_tile[i + 1]) ++i;
  p.w = layers.w[i], p.co = layers.co[i], p.fours_of_w = layers.fours_of_w[i];
  p.epilogue.bias = layers.bias[i], p.epilogue.y = layers.y[i];
  convolve_tile<Math, 1>(p, int(blockIdx.x) - layers.first_tile[i]);
}

// A block for each tile of 128 rows (tap, channel) by 64 columns of each split; terms are the rows
// q of x and dy. As for columns, row g of half h of the warp's i-th tile is row 4g + 2i + h of 32.
template <class Math>
__global__ void __launch_bounds__(block_threads)
    weight_gradient_kernel(Problem p, Index rows_per_split, float* partial) {
  constexpr int block_rows = 128, stages = 2, terms_a_thread = depth / 8; // 32 threads a term
  alignas(16) __shared__ float patches[stages][depth * block_rows],
      slopes[stages][depth * block_columns];
  const int dw_rows = p.taps * p.ci, panels = (p.co + block_columns - 1) / block_columns;
  const int tiles = (dw_rows + block_rows - 1) / block_rows * panels;
  const int split = int(blockIdx.x) / tiles, tile = int(blockIdx.x) % tiles;
  const int first_row = tile / panels * block_rows, first_column = tile % panels * block_columns;
  const int first = int(split * rows_per_split);
  const int last = int(min(Index(p.rows), first + rows_per_split));
  const int group = threadIdx.x % 32, term = threadIdx.x / 32, advance = depth % p.length;
  int position[terms_a_thread]; // of the next slab to load
#pragma unroll
  for (int i = 0; i < terms_a_thread; ++i) position[i] = (first + term + 8 * i) % p.length;
  const auto load = [&](int slab, int stage) {
    const int step = p.fours_of_x ? 4 : 1, q = first + slab * depth + term;
    for (int j = 0; j < 4; j += step) {
      const int m = first_row + 4 * group + j, tap = m / p.ci, shift = tap - p.taps / 2;
      const float* from = p.x + Index(q + shift) * p.ci + (m - tap * p.ci);
#pragma unroll
      for (int i = 0; i < terms_a_thread; ++i) {
        const bool there =
            tap < p.taps && q + 8 * i < last && unsigned(position[i] + shift) < unsigned(p.length);
        copy_async(patches[stage] + place_in_terms<block_rows>(term + 8 * i, group) + j,
                   there ? from + Index(8 * i) * p.ci : p.x, there, p.fours_of_x);
      }
    }
#pragma unroll
    for (int i = 0; i < terms_a_thread; ++i) {
      position[i] += advance;
      if (position[i] >= p.length) position[i] -= p.length;
    }
    load_matrix(slopes[stage], p.w, last, p.co, p.fours_of_w, first + slab * depth, first_column);
  };
  const Lane lane;
  float sum[2][4][4] = {};
  const auto multiply = [&](int stage) {
#pragma unroll
    for (int k = 0; k < depth; k += part) {
      Fragments<2> f;
      lane.load_columns(slopes[stage], k, f);
#pragma unroll
      for (int j = 0; j < 4; ++j) {
        float four[4];
        load_four(four, patches[stage] + place_in_terms<block_rows>(k + 4 * lane.t + j,
                                                                    lane.row<2>() / 4 + lane.g));
#pragma unroll
        for (int i = 0; i < 4; ++i) f.rows[i / 2][i % 2][j] = four[i];
      }
      Math::multiply(f, sum);
    }
  };
  for_slabs<stages>((last - first + depth - 1) / depth, load, multiply);
  lane.for_fours(sum, [&](int i, int half, int column, const float(&values)[4]) {
    const int m = first_row + lane.row<2>() + 4 * lane.g + 2 * i + half;
    const int c = first_column + column;
    if (m >= dw_rows) return;
    float* to = partial + (Index(split) * dw_rows + m) * p.co + c;
#pragma unroll
    for (int j = 0; j < 4; ++j)
      if (c + j < p.co) to[j] = values[j];
  });
}

Index tiles(Index size, Index width) {
  return (size + width - 1) / width;
}

// Calls f with Tf32 or Bf16.
template <class F> void visit_math(Precision precision, F&& f) {
  precision == Precision::bf16 ? f(Bf16{}) : f(Tf32{});
}

} // namespace

void convolve_on_tensor_cores(const Launch& at, Precision precision, const Tensor& x,
                              const Tensor& w, const Epilogue<float>& e) {
  const Signal s(x);
  const Index taps = w.shape()[0], ci = w.shape()[1], co = w.shape()[2], rows = s.rows();
  const Problem p{x.data<float>(),
                  w.data<float>(),
                  int(rows),
                  int(s.length),
                  int(ci),
                  int(co),
                  int(taps),
                  ci % 4 == 0 && aligned({x.data<float>()}),
                  co % 4 == 0 && aligned({w.data<float>(), e.bias, e.embedding, e.residual, e.y}),
                  e};
  visit_math(precision, [&]<class Math>(Math) {
    const Index panels = tiles(co, block_columns), blocks = tiles(rows, 128) * panels;
    if (blocks >= enough_blocks)
      at.blocks(convolve_kernel<Math, 2>, blocks, p);
    else
      at.blocks(convolve_kernel<Math, 1>, tiles(rows, 64) * panels, p);
  });
}

void dense_on_tensor_cores(const Launch& at, Precision precision, const Tensor& x,
                           std::span<const DenseLayer> layers, std::span<const Tensor> y) {
  const Signal s(x);
  const Problem p{x.data<float>(),
                  nullptr,
                  int(s.rows()),
                  1,
                  int(s.channels),
                  0,
                  1,
                  s.channels % 4 == 0 && aligned({x.data<float>()}),
                  false,
                  {nullptr, nullptr, nullptr, 1, nullptr, false}};
  for (std::size_t first = 0; first < layers.size(); first += most_layers) {
    const std::size_t count = std::min(most_layers, layers.size() - first);
    Layers some{};
    for (std::size_t i = 0; i < count; ++i) {
      const auto& [w, bias] = layers[first + i];
      const Index co = w.shape()[2];
      some.w[i] = w.data<float>(), some.bias[i] = bias.data<float>();
      some.y[i] = y[first + i].data<float>(), some.co[i] = int(co);
      some.fours_of_w[i] = co % 4 == 0 && aligned({some.w[i], some.bias[i], some.y[i]});
      some.first_tile[i + 1] =
          some.first_tile[i] + int(tiles(s.rows(), 64) * tiles(co, block_columns));
    }
    visit_math(precision, [&]<class Math>(Math) {
      at.blocks(dense_kernel<Math>, some.first_tile[count], p, some);
    });
  }
}

void weight_gradient_on_tensor_cores(const Launch& at, Precision precision, const Tensor& x,
                                     const Tensor& dy, Index taps, Index rows_per_split,
                                     const Tensor& partial) {
  const Signal s(x);
  const Index ci = s.channels, co = Signal(dy).channels;
  const Problem p{x.data<float>(),
                  dy.data<float>(),
                  int(s.rows()),
                  int(s.length),
                  int(ci),
                  int(co),
                  int(taps),
                  ci % 4 == 0 && aligned({x.data<float>()}),
                  co % 4 == 0 && aligned({dy.data<float>()}),
                  {}};
  const Index blocks = tiles(taps * ci, 128) * tiles(co, block_columns);
  visit_math(precision, [&]<class Math>(Math) {
    at.blocks(weight_gradient_kernel<Math>, tiles(s.rows(), rows_per_split) * blocks, p,
              rows_per_split, partial.data<float>());
  });
}

} // namespace lookback::cuda
