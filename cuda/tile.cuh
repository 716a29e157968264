// One block's tile of a matrix product, in the number type itself (no tensor cores): 64 x 64
// results, 4 x 4 a thread, 16 terms at a time through shared memory. Every result is summed in the
// order of its terms, so it does not depend on the tile it lies in.
#pragma once

#include "cuda/launch.cuh"

namespace lookback::cuda {

constexpr int tile_width = 64, tile_depth = 16, thread_width = 4;
constexpr int thread_rows = tile_width / thread_width; // threads stand 16 x 16
static_assert(thread_rows * thread_rows == block_threads);
static_assert(tile_width * tile_depth == thread_width * block_threads); // elements loaded a thread

// The results of this thread are at [row(i), column(j)] of the tile.
__device__ inline int tile_row(int i) {
  return threadIdx.x / thread_rows + i * thread_rows;
}
__device__ inline int tile_column(int j) {
  return threadIdx.x % thread_rows + j * thread_rows;
}

// sum[i][j] += sum over k in [first, last) of a(row, k) b(k, column). a and b return 0 outside
// their matrices. `a_by_rows`: neighbouring threads load neighbouring k of a, otherwise
// neighbouring rows.
template <bool a_by_rows, class T, class A, class B>
__device__ void multiply_tile(Index first_row, Index first_column, Index first, Index last,
                              const A& a, const B& b, T (&sum)[thread_width][thread_width]) {
  __shared__ T as[tile_depth][tile_width + 1], bs[tile_depth][tile_width];
  for (Index start = first; start < last; start += tile_depth) {
    for (int e = threadIdx.x; e < tile_depth * tile_width; e += block_threads) {
      const int row = a_by_rows ? e / tile_depth : e % tile_width;
      const int depth = a_by_rows ? e % tile_depth : e / tile_width;
      as[depth][row] = start + depth < last ? a(first_row + row, start + depth) : T(0);
      const int k = e / tile_width, column = e % tile_width;
      bs[k][column] = start + k < last ? b(start + k, first_column + column) : T(0);
    }
    __syncthreads();
    for (int k = 0; k < tile_depth; ++k)
#pragma unroll
      for (int i = 0; i < thread_width; ++i)
#pragma unroll
        for (int j = 0; j < thread_width; ++j)
          sum[i][j] += as[k][tile_row(i)] * bs[k][tile_column(j)];
    __syncthreads(); // the next terms overwrite as and bs
  }
}

} // namespace lookback::cuda
