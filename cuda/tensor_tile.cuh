// One block's tile of a matrix product on tensor cores: factors rounded to TF32 or bfloat16, sums
// float32. A block has 8 warps, 4 over rows and 2 over columns; a warp has 16 or 32 rows by 32
// columns of sums in registers. Slabs of 32 terms come to shared memory by asynchronous copies,
// some slabs ahead of the products.
//
// A sum may take its terms in any order and a tile its columns, if both factors agree, so a lane
// takes four neighbours where the instruction asks for distant ones, and everything moves as four
// floats: with g = lane / 4 and t = lane % 4 a lane has terms 4t ... 4t + 3 of 16, and column g of
// the warp's j-th tile of 8 stands for column 4g + j of its 32.
#pragma once

#include "cuda/launch.cuh"

namespace lookback::cuda {

constexpr int depth = 32;         // terms of a slab
constexpr int block_columns = 64; // 2 warps of 32
constexpr int part = 16;          // terms that a warp multiplies at a time

// Where a group of four floats lies in a slab. Eight lanes read at a time; the groups are exchanged
// so that they meet eight different fours of banks.
// [rows][depth], of which eight lanes read two neighbouring rows by four groups:
__device__ inline int place_in_rows(int row, int group) {
  return row * depth + 4 * (group ^ (row % 2 * 4));
}
// [depth][width], of which they read every fourth of 16 terms by two groups:
template <int width> __device__ int place_in_terms(int term, int group) {
  return term * width + 4 * (group ^ (term / 4 % 4 * 2));
}

__device__ inline void copy_async(float* to, const float* from, bool there, bool four) {
  four ? copy_four_async(to, from, there) : copy_one_async(to, from, there);
}

__device__ inline void load_four(float (&to)[4], const float* from) {
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
__device__ inline void load_matrix(float* slab, const float* matrix, int rows, int columns,
                                   bool fours, int first, int first_column) {
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

} // namespace lookback::cuda
