// conv1d as in conv1d.cu, its products on tensor cores: factors rounded to TF32 or bfloat16, sums
// float32. A block has 8 warps, 4 over rows and 2 over columns; a warp has 16 or 32 rows by 32
// columns of sums in registers. Slabs of 32 terms come to shared memory by asynchronous copies,
// some slabs ahead of the products.
//
// A sum may take its terms in any order and a tile its columns, if both factors agree, so a lane
// takes four neighbours where the instruction asks for distant ones, and everything moves as four
// floats: with g = lane / 4 and t = lane % 4 a lane has terms 4t ... 4t + 3 of 16, and column g of
// the warp's j-th tile of 8 stands for column 4g + j of its 32.
#include "cuda/conv1d.cuh"
#include "engine/signal.hpp"

namespace lookback::cuda {
namespace {

constexpr int depth = 32;         // terms of a slab
constexpr int block_columns = 64; // 2 warps of 32
constexpr int part = 16;          // terms that a warp multiplies at a time
constexpr int nowhere = -(1 << 30);

struct Problem {
  const float *x, *w; // w: dy where the gradient of the weights is wanted
  int rows, length, ci, co, taps;
  bool fours_of_x, fours_of_w; // rows of x, and of w and y, are whole and aligned groups of four
  Epilogue<float> epilogue;
};

// Where a group of four floats lies in a slab. Eight lanes read at a time; the groups are exchanged
// so that they meet eight different fours of banks.
__device__ int place_in_rows(int row, int group) { // of [rows][depth], read in rows 2 by groups 4
  return row * depth + 4 * (group ^ (row % 2 * 4));
}
template <int width> __device__ int place_in_terms(int term, int group) { // of [depth][width]
  return term * width + 4 * (group ^ (term / 4 % 4 * 2)); // read in every 4th term by groups 2
}

__device__ void copy_async(float* to, const float* from, bool there, bool four) {
  four ? copy_four_async(to, from, there) : copy_one_async(to, from, there);
}

__device__ void load_four(float (&to)[4], const float* from) {
  const float4 v = *reinterpret_cast<const float4*>(from);
  to[0] = v.x, to[1] = v.y, to[2] = v.z, to[3] = v.w;
}

// A lane's share of 16 terms: rows[tile][g or g + 8][term], columns[term][tile].
template <int row_tiles> struct Fragments { float rows[row_tiles][2][4], columns[4][4]; };

struct Tf32 {
  template <int n> __device__ static void multiply(const Fragments<n>& f, float (&sum)[n][4][4]) {
#pragma unroll
    for (int k = 0; k < 4; k += 2) {
      std::uint32_t b[4][2];
#pragma unroll
      for (int j = 0; j < 4; ++j)
        b[j][0] = to_tf32(f.columns[k][j]), b[j][1] = to_tf32(f.columns[k + 1][j]);
#pragma unroll
      for (int i = 0; i < n; ++i) {
        const auto& r = f.rows[i];
        const std::uint32_t a[4] = {to_tf32(r[0][k]), to_tf32(r[1][k]), to_tf32(r[0][k + 1]),
                                    to_tf32(r[1][k + 1])};
#pragma unroll
        for (int j = 0; j < 4; ++j) multiply_add_tf32(sum[i][j], a, b[j]);
      }
    }
  }
};

struct Bf16 {
  template <int n> __device__ static void multiply(const Fragments<n>& f, float (&sum)[n][4][4]) {
    std::uint32_t b[4][2];
#pragma unroll
    for (int j = 0; j < 4; ++j)
      b[j][0] = to_bf16_pair(f.columns[0][j], f.columns[1][j]),
      b[j][1] = to_bf16_pair(f.columns[2][j], f.columns[3][j]);
#pragma unroll
    for (int i = 0; i < n; ++i) {
      const auto& r = f.rows[i];
      const std::uint32_t a[4] = {to_bf16_pair(r[0][0], r[0][1]), to_bf16_pair(r[1][0], r[1][1]),
                                  to_bf16_pair(r[0][2], r[0][3]), to_bf16_pair(r[1][2], r[1][3])};
#pragma unroll
      for (int j = 0; j < 4; ++j) multiply_add_bf16(sum[i][j], a, b[j]);
    }
  }
};

// Calls multiply(stage) for each slab, after load(slab, stage), which runs stages - 1 slabs ahead.
template <int stages, class Load, class Multiply>
__device__ void for_slabs(int slabs, const Load& load, const Multiply& multiply) {
  for (int slab = 0; slab < stages - 1; ++slab) {
    if (slab < slabs) load(slab, slab);
    commit_copies();
  }
  for (int slab = 0; slab < slabs; ++slab) {
    wait_for_copies<stages - 2>();
    __syncthreads(); // the slab is whole, and nobody reads the stage that is loaded next
    if (const int next = slab + stages - 1; next < slabs) load(next, next % stages);
    commit_copies();
    multiply(slab % stages);
  }
}

struct Lane {
  int warp = threadIdx.x / 32, g = threadIdx.x % 32 / 4, t = threadIdx.x % 4;
  int column = warp % 2 * 32; // of the warp's tile in the block's
  template <int row_tiles> __device__ int row() const { return warp / 2 * 16 * row_tiles; }

  template <int n> __device__ void load_columns(const float* slab, int k, Fragments<n>& f) const {
#pragma unroll
    for (int j = 0; j < 4; ++j)
      load_four(f.columns[j], slab + place_in_terms<block_columns>(k + 4 * t + j, column / 4 + g));
  }
  // f(tile, half, columns, values): four neighbouring sums of row g + 8 half of a tile
  template <int n, class F> __device__ void for_fours(const float (&sum)[n][4][4], F&& f) const {
#pragma unroll
    for (int i = 0; i < n; ++i)
#pragma unroll
      for (int half = 0; half < 2; ++half)
#pragma unroll
        for (int pair = 0; pair < 2; ++pair) {
          const int e = 2 * half + pair;
          const float values[4] = {sum[i][0][e], sum[i][1][e], sum[i][2][e], sum[i][3][e]};
          f(i, half, column + 8 * t + 4 * pair, values);
        }
  }
};

// A matrix [rows, columns], loaded by its terms (rows) `first` ... and 64 columns.
__device__ void load_matrix(float* slab, const float* matrix, int rows, int columns, bool fours,
                            int first, int first_column) {
  const int group = threadIdx.x % 16, step = fours ? 4 : 1;
#pragma unroll
  for (int term = threadIdx.x / 16; term < depth; term += block_threads / 16) {
    const int row = first + term, column = first_column + 4 * group;
    const float* from = matrix + Index(row) * columns + column;
    for (int j = 0; j < 4; j += step) {
      const bool there = row < rows && column + j < columns;
      copy_async(slab + place_in_terms<block_columns>(term, group) + j, there ? from + j : matrix,
                 there, fours);
    }
  }
}

// y[q, c ... c + 3] (+)= scale (sum + bias + embedding + residual)
__device__ void finish_four(const Problem& p, Index q, int c, const float (&sum)[4]) {
  const Epilogue<float>& e = p.epilogue;
  const Index sample = q / p.length;
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

// A block for each tile of y, 64 row_tiles rows by 64 columns.
template <class Math, int row_tiles>
__global__ void __launch_bounds__(block_threads) convolve_kernel(Problem p) {
  constexpr int block_rows = 64 * row_tiles, stages = row_tiles == 1 ? 3 : 2;
  constexpr int rows_a_thread = block_rows / 32; // 8 threads a row
  alignas(16) __shared__ float patches[stages][block_rows * depth],
      weights[stages][depth * block_columns];
  const int panels = (p.co + block_columns - 1) / block_columns;
  const int first_row = int(blockIdx.x) / panels * block_rows;
  const int first_column = int(blockIdx.x) % panels * block_columns;
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
  lane.for_fours(sum, [&](int tile, int half, int column, const float(&values)[4]) {
    const int q = first_row + lane.row<row_tiles>() + 16 * tile + 8 * half + lane.g;
    const int c = first_column + column;
    if (q < p.rows && c < p.co) finish_four(p, q, c, values);
  });
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

bool aligned(std::initializer_list<const float*> pointers) {
  for (const float* p : pointers)
    if (reinterpret_cast<std::uintptr_t>(p) % 16 != 0) return false;
  return true;
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
