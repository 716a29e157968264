#include "cuda/cuda_backend.cuh"

#include <cstdlib>
#include <utility>

namespace lookback {
namespace cuda {

void check(cudaError_t status, const char* call, std::source_location where) {
  if (status == cudaSuccess) return;
  cudaGetLastError(); // leaves no error behind for the next check
  fail("cuda: ", call, " failed: ", cudaGetErrorString(status), " (", where.file_name(), ":",
       where.line(), ")");
}

bool waits_for_kernels() {
  static const bool wait = [] {
    const char* value = std::getenv("LOOKBACK_SYNC_KERNELS");
    return value && *value == '1';
  }();
  return wait;
}

void Launch::check_started(std::source_location where) const {
  cudaError_t status = cudaGetLastError();
  if (status == cudaSuccess && waits_for_kernels()) status = cudaStreamSynchronize(stream);
  if (status == cudaSuccess) return;
  fail("cuda: kernel ", kernel, " on ", shape.text(), " failed: ", cudaGetErrorString(status), " (",
       where.file_name(), ":", where.line(), ")");
}

namespace {

void* take_device_memory(std::size_t bytes) {
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

std::shared_ptr<Pool> device_pool() {
  return Pool::make(take_device_memory, [](void* block) { cudaFree(block); }); // without throwing
}

// Kernels noted down once and started together, and the memory that they work in.
struct Graph {
  std::function<void()> operations; // holds the tensors that the kernels read and write
  std::shared_ptr<Pool> memory = device_pool();
  cudaGraphExec_t executable = nullptr;

  Graph() = default;
  Graph(const Graph&) = delete;
  Graph& operator=(const Graph&) = delete;
  ~Graph() {
    if (executable) cudaGraphExecDestroy(executable);
  }
};

// Notes down what `operations` gives to the stream.
void capture(cudaStream_t stream, Graph& graph) {
  cudaGraph_t kernels = nullptr;
  check(cudaStreamBeginCapture(stream, cudaStreamCaptureModeRelaxed), "cudaStreamBeginCapture");
  try {
    graph.operations();
  } catch (...) {
    cudaStreamEndCapture(stream, &kernels);
    cudaGraphDestroy(kernels);
    cudaGetLastError(); // leaves no error behind for the next check
    throw;
  }
  check(cudaStreamEndCapture(stream, &kernels), "cudaStreamEndCapture");
  const cudaError_t status = cudaGraphInstantiate(&graph.executable, kernels, 0);
  cudaGraphDestroy(kernels);
  check(status, "cudaGraphInstantiate");
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
  pool_ = device_pool();
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

// The first, ordinary run loads the kernels and takes all the memory that is needed, neither of
// which a capture may do. The memory is the graph's own: nobody else's values lie where it writes.
std::function<void()> CudaBackend::repeatable(std::function<void()> operations) {
  if (waits_for_kernels()) return Backend::repeatable(std::move(operations));
  const auto graph = std::make_shared<Graph>();
  graph->operations = std::move(operations);
  const std::shared_ptr<Pool> everyones = std::exchange(pool_, graph->memory);
  try {
    graph->operations();
    capture(stream_, *graph);
  } catch (...) {
    pool_ = everyones;
    throw;
  }
  pool_ = everyones;
  return [graph, stream = stream_] {
    check(cudaGraphLaunch(graph->executable, stream), "cudaGraphLaunch");
  };
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
