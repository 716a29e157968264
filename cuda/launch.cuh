// Checked calls, launches and the loops over elements that kernels share.
#pragma once

#include "cuda/hardware.cuh"
#include "engine/backend.hpp"

#include <algorithm>
#include <source_location>

namespace lookback::cuda {

using Index = std::int64_t;

constexpr int block_threads = 256;
constexpr Index most_blocks = 1 << 16; // of a launch; beyond it, threads take several elements

// Throws Error with the place of the call where a CUDA call failed.
void check(cudaError_t status, const char* call,
           std::source_location where = std::source_location::current());

// LOOKBACK_SYNC_KERNELS=1 in the environment: wait for every kernel.
bool waits_for_kernels();

struct Launch {
  cudaStream_t stream;
  const char* kernel;
  Shape shape; // of the tensor that the kernel works on, for the message

  // Throws Error naming kernel and shape where the launch failed. With LOOKBACK_SYNC_KERNELS=1 it
  // waits for the kernel, so that an error is put down to the kernel that made it.
  void check_started(std::source_location where) const;

  template <class... Parameters, class... Arguments>
  void blocks(void (*kernel_function)(Parameters...), Index count,
              const Arguments&... arguments) const {
    if (count == 0) return;
    require(count <= 0x7fffffff, "cuda: kernel ", kernel, " on ", shape.text(), " needs ", count,
            " blocks, more than a launch can have");
    start_kernel(kernel_function, unsigned(count), block_threads, stream, Parameters(arguments)...);
    check_started(std::source_location::current());
  }

  // Enough blocks for one thread an element, up to most_blocks.
  template <class... Parameters, class... Arguments>
  void elements(void (*kernel_function)(Parameters...), Index count,
                const Arguments&... arguments) const {
    blocks(kernel_function, std::min(most_blocks, (count + block_threads - 1) / block_threads),
           arguments...);
  }
};

// for (Index i = first_element(); i < n; i += element_stride())
__device__ inline Index first_element() {
  return Index(blockIdx.x) * blockDim.x + threadIdx.x;
}
__device__ inline Index element_stride() {
  return Index(gridDim.x) * blockDim.x;
}

// Always a sum, so that compilers fuse it with a product in `value` everywhere or nowhere.
template <class T> __device__ void store(T* place, bool add, T value) {
  *place = (add ? *place : T(0)) + value;
}

// The sum of every thread's value, known to all threads of the block; always added in the same
// order. All threads must call it.
__device__ inline double block_sum(double value) {
  __shared__ double sums[block_threads];
  __syncthreads(); // sums may still be read from an earlier call
  sums[threadIdx.x] = value;
  for (int half = block_threads / 2; half > 0; half /= 2) {
    __syncthreads();
    if (threadIdx.x < half) sums[threadIdx.x] += sums[threadIdx.x + half];
  }
  __syncthreads();
  return sums[0];
}

} // namespace lookback::cuda
