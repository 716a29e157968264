// Memory of the CPU backend.
#include <sys/mman.h>

#include "engine/cpu/cpu_backend.hpp"

namespace lookback::cpu::LOOKBACK_ISA {
namespace {

// Large blocks lie on huge pages: a convolution's weights span more small ones than the processor
// can look up quickly. Debug builds fill fresh blocks with NaN, so that reading what was never
// written shows.
void* take_aligned(std::size_t bytes) {
  const std::size_t huge = 1 << 21, alignment = bytes < huge ? 64 : huge;
  const std::size_t rounded = (bytes + alignment - 1) / alignment * alignment;
  void* block = std::aligned_alloc(alignment, rounded);
  if (!block) throw std::bad_alloc();
  if (alignment == huge) madvise(block, rounded, MADV_HUGEPAGE); // a wish: failure costs only time
#ifndef NDEBUG
  std::memset(block, 0xFF, bytes);
#endif
  return block;
}

} // namespace

CpuBackend::CpuBackend() : pool_(Pool::make(take_aligned, std::free)) {}

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

Backend& backend() {
  static CpuBackend instance;
  return instance;
}

} // namespace lookback::cpu::LOOKBACK_ISA
