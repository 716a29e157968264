// The part of CUDA that cuda/ uses, for a CPU: qualifiers, vectors, shuffles, and a runtime whose
// device memory is host memory. A stream runs what it is given at once or, while it is captured,
// notes it down.
#pragma once

#include "tests/cuda_emulation/fibers.hpp"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <math.h>
#include <utility>
#include <vector>

#define __global__
#define __device__
#define __host__
#define __shared__ static
#define __launch_bounds__(...)

using std::max;
using std::min;

struct emulation_dim3 {
  unsigned x = 0;
};
extern emulation_dim3 threadIdx, blockIdx, blockDim, gridDim;

struct alignas(16) float4 {
  float x, y, z, w;
};
struct alignas(16) double2 {
  double x, y;
};

inline void __syncthreads() {
  lookback::emulation::wait_for_block();
}

// Every lane's value, taken by every lane from the one that source(lane) names.
template <class T, class Source> T emulation_shuffle(T value, const Source& source) {
  using namespace lookback::emulation;
  static T values[most_threads];
  const unsigned lane = threadIdx.x % warp_size, first = threadIdx.x - lane;
  values[threadIdx.x] = value;
  wait_for_warp();
  const unsigned from = source(lane);
  const T result = from < warp_size ? values[first + from] : value;
  wait_for_warp();
  return result;
}
template <class T> T __shfl_sync(unsigned, T value, int lane) {
  return emulation_shuffle(value, [=](unsigned) { return unsigned(lane) % 32; });
}
template <class T> T __shfl_down_sync(unsigned, T value, unsigned by) {
  return emulation_shuffle(value, [=](unsigned lane) { return lane + by; });
}
template <class T> T __shfl_xor_sync(unsigned, T value, int mask) {
  return emulation_shuffle(value, [=](unsigned lane) { return lane ^ unsigned(mask); });
}

enum cudaError_t { cudaSuccess, cudaErrorMemoryAllocation };
enum cudaMemcpyKind { cudaMemcpyHostToDevice, cudaMemcpyDeviceToHost, cudaMemcpyDeviceToDevice };
enum cudaStreamCaptureMode { cudaStreamCaptureModeRelaxed };
constexpr unsigned cudaStreamNonBlocking = 1;

using emulation_work = std::vector<std::function<void()>>;
struct emulation_stream {
  emulation_work noted;
  bool capturing = false;
  void give(std::function<void()> work) {
    if (capturing)
      noted.push_back(std::move(work));
    else
      work();
  }
};
using cudaStream_t = emulation_stream*;
using cudaGraph_t = emulation_work*;
using cudaGraphExec_t = emulation_work*;

inline const char* cudaGetErrorString(cudaError_t) {
  return "no error is known to the emulation";
}
// The runtime keeps an error until it is asked for it.
inline cudaError_t emulation_last_error = cudaSuccess;
inline cudaError_t cudaGetLastError() {
  return std::exchange(emulation_last_error, cudaSuccess);
}
inline cudaError_t cudaGetDeviceCount(int* count) {
  *count = 1;
  return cudaSuccess;
}
inline cudaError_t cudaMemGetInfo(std::size_t* available, std::size_t* total) {
  *available = *total = 0;
  return cudaSuccess;
}
inline cudaError_t cudaMalloc(void** block, std::size_t bytes) {
  // Sanitizers end a program that asks its system for too much.
  *block = bytes > std::size_t(1) << 40 ? nullptr : std::aligned_alloc(256, bytes);
  if (!*block) return emulation_last_error = cudaErrorMemoryAllocation;
  std::memset(*block, 0xff, bytes); // not a number, wherever it is read unwritten
  return cudaSuccess;
}
inline cudaError_t cudaFree(void* block) {
  std::free(block);
  return cudaSuccess;
}
inline cudaError_t cudaStreamCreateWithFlags(cudaStream_t* stream, unsigned) {
  *stream = new emulation_stream;
  return cudaSuccess;
}
inline cudaError_t cudaStreamDestroy(cudaStream_t stream) {
  delete stream;
  return cudaSuccess;
}
inline cudaError_t cudaStreamSynchronize(cudaStream_t) {
  return cudaSuccess;
}
inline cudaError_t cudaMemcpyAsync(void* to, const void* from, std::size_t bytes, cudaMemcpyKind,
                                   cudaStream_t stream) {
  stream->give([=] { std::memcpy(to, from, bytes); });
  return cudaSuccess;
}
inline cudaError_t cudaStreamBeginCapture(cudaStream_t stream, cudaStreamCaptureMode) {
  stream->capturing = true;
  return cudaSuccess;
}
inline cudaError_t cudaStreamEndCapture(cudaStream_t stream, cudaGraph_t* graph) {
  stream->capturing = false;
  *graph = new emulation_work(std::move(stream->noted));
  stream->noted.clear();
  return cudaSuccess;
}
inline cudaError_t cudaGraphInstantiate(cudaGraphExec_t* exec, cudaGraph_t graph, unsigned) {
  *exec = new emulation_work(*graph);
  return cudaSuccess;
}
inline cudaError_t cudaGraphLaunch(cudaGraphExec_t exec, cudaStream_t) {
  for (const auto& work : *exec) work();
  return cudaSuccess;
}
inline cudaError_t cudaGraphDestroy(cudaGraph_t graph) {
  delete graph;
  return cudaSuccess;
}
inline cudaError_t cudaGraphExecDestroy(cudaGraphExec_t exec) {
  delete exec;
  return cudaSuccess;
}
