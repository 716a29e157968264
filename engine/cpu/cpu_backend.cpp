#include "engine/cpu/cpu_backend.hpp"

#include <cstring>
#include <new>

namespace lookback {

namespace cpu {

// Debug builds fill fresh blocks with NaN, so that reading what was never written shows.
static void* take_aligned(std::size_t bytes) {
  void* block = ::operator new(bytes, std::align_val_t(64));
#ifndef NDEBUG
  std::memset(block, 0xFF, bytes);
#endif
  return block;
}

CpuBackend::CpuBackend()
    : pool_(Pool::make(take_aligned,
                       [](void* block) { ::operator delete(block, std::align_val_t(64)); })) {}

void CpuBackend::upload(const void* host, const Tensor& to) {
  if (to.size()) std::memcpy(to.data<char>(), host, std::size_t(to.size()) * size_of(to.dtype()));
}

void CpuBackend::download(const Tensor& from, void* host) {
  if (from.size())
    std::memcpy(host, from.data<char>(), std::size_t(from.size()) * size_of(from.dtype()));
}

void CpuBackend::copy(const Tensor& from, const Tensor& to) {
  upload(from.data<char>(), to);
}

} // namespace cpu

Backend& cpu_backend() {
  static cpu::CpuBackend backend;
  return backend;
}

Backend& backend_for(const std::string& device) {
  require(device == "cpu" || device == "cuda", "device ", device,
          " is unknown; expected cpu or cuda");
  return device == "cpu" ? cpu_backend() : cuda_backend();
}

} // namespace lookback
