#include "cuda/cuda_backend.cuh"

#include <cstdlib>

namespace lookback {
namespace cuda {

void check(cudaError_t status, const char* call, std::source_location where) {
  require(status == cudaSuccess, "cuda: ", call, " failed: ", cudaGetErrorString(status), " (",
          where.file_name(), ":", where.line(), ")");
}

void Launch::check_started(std::source_location where) const {
  static const bool wait = [] {
    const char* value = std::getenv("LOOKBACK_SYNC_KERNELS");
    return value && *value == '1';
  }();
  cudaError_t status = cudaGetLastError();
  if (status == cudaSuccess && wait) status = cudaStreamSynchronize(stream);
  require(status == cudaSuccess, "cuda: kernel ", kernel, " on ", shape.text(),
          " failed: ", cudaGetErrorString(status), " (", where.file_name(), ":", where.line(), ")");
}

namespace {

void* take(std::size_t bytes) {
  void* block = nullptr;
  const cudaError_t status = cudaMalloc(&block, bytes);
  if (status == cudaErrorMemoryAllocation) {
    cudaGetLastError(); // leaves no error behind for the next check
    std::size_t available = 0, total = 0;
    check(cudaMemGetInfo(&available, &total), "cudaMemGetInfo");
    fail("cuda: out of memory: ", bytes, " bytes needed, ", available, " of the device's ", total,
         " free; a smaller batch needs less");
  }
  check(status, "cudaMalloc");
  return block;
}

void require_device() {
  int count = 0;
  const cudaError_t status = cudaGetDeviceCount(&count);
  require(status == cudaSuccess,
          "device cuda: no usable NVIDIA driver or device: ", cudaGetErrorString(status),
          "; use --device cpu");
  require(count > 0, "device cuda: this machine has no CUDA device; use --device cpu");
}

} // namespace

CudaBackend::CudaBackend() {
  require_device();
  check(cudaStreamCreateWithFlags(&stream_, cudaStreamNonBlocking), "cudaStreamCreateWithFlags");
  pool_ = Pool::make(take, [](void* block) { cudaFree(block); }); // frees without throwing
}

CudaBackend::~CudaBackend() {
  cudaStreamDestroy(stream_);
}

// Host memory may change or go as soon as this returns.
void CudaBackend::upload(const void* host, const Tensor& to) {
  if (to.size() == 0) return;
  check(cudaMemcpyAsync(to.data<void>(), host, std::size_t(to.size()) * size_of(to.dtype()),
                        cudaMemcpyHostToDevice, stream_),
        "upload");
  check(cudaStreamSynchronize(stream_), "upload");
}

void CudaBackend::download(const Tensor& from, void* host) {
  if (from.size() == 0) return;
  check(cudaMemcpyAsync(host, from.data<void>(), std::size_t(from.size()) * size_of(from.dtype()),
                        cudaMemcpyDeviceToHost, stream_),
        "download");
  check(cudaStreamSynchronize(stream_), "download, or a kernel before it");
}

void CudaBackend::copy(const Tensor& from, const Tensor& to) {
  if (to.size() == 0) return;
  check(cudaMemcpyAsync(to.data<void>(), from.data<void>(),
                        std::size_t(to.size()) * size_of(to.dtype()), cudaMemcpyDeviceToDevice,
                        stream_),
        "copy");
}

} // namespace cuda

bool cuda_built_in() {
  return true;
}

Backend& cuda_backend() {
  static cuda::CudaBackend backend;
  return backend;
}

} // namespace lookback
