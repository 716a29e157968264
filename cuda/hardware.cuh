// What C++ has no words for: the start of a kernel, tensor cores, copies that run beside the
// program. tests/cuda_emulation has a file of the same name in which a CPU does the same, so
// nothing else in this folder may name the hardware.
#pragma once

#include <cuda_runtime.h>

#include <cstdint>

namespace lookback::cuda {

// Blocks that keep an H100 or H200 busy: two for each of its 132 multiprocessors. A constant, so
// that the borders of sums do not depend on the device.
constexpr int enough_blocks = 264;

template <class... Parameters>
void start_kernel(void (*kernel)(Parameters...), unsigned blocks, unsigned threads,
                  cudaStream_t stream, Parameters... arguments) {
  kernel<<<blocks, threads, 0, stream>>>(arguments...);
}

// Products of small matrices by a warp, PTX ISA 9.7.14 "Warp-level matrix instructions". With g =
// lane / 4 and t = lane % 4 a lane holds c[g][2t], c[g][2t + 1], c[g + 8][2t], c[g + 8][2t + 1].

// c[16][8] += a[16][8] b[8][8]: a[g][t], a[g + 8][t], a[g][t + 4], a[g + 8][t + 4]; b[t][g], b[t +
// 4][g], as TF32.
__device__ inline void multiply_add_tf32(float (&c)[4], const std::uint32_t (&a)[4],
                                         const std::uint32_t (&b)[2]) {
  asm("mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 "
      "{%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
      : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
}

// c[16][8] += a[16][16] b[16][8], two neighbouring k in a word: a[g][2t], a[g + 8][2t], a[g][2t +
// 8], a[g + 8][2t + 8]; b[2t][g], b[2t + 8][g], as bfloat16.
__device__ inline void multiply_add_bf16(float (&c)[4], const std::uint32_t (&a)[4],
                                         const std::uint32_t (&b)[2]) {
  asm("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 "
      "{%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
      : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
}

// To nearest, ties away from zero.
__device__ inline std::uint32_t to_tf32(float x) {
  std::uint32_t bits;
  asm("cvt.rna.tf32.f32 %0, %1;" : "=r"(bits) : "f"(x));
  return bits;
}

// To nearest, ties to even; `first` in the lower half.
__device__ inline std::uint32_t to_bf16_pair(float first, float second) {
  std::uint32_t bits;
  asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(bits) : "f"(second), "f"(first));
  return bits;
}

// Copies 4 floats (1 float) to shared memory, or writes zeros where `there` is false; `from` is
// then not read. The copies since the last commit form a group, which wait_for_copies waits for.
__device__ inline void copy_four_async(float* shared, const float* from, bool there) {
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(
                   unsigned(__cvta_generic_to_shared(shared))),
               "l"(from), "r"(there ? 16 : 0)
               : "memory");
}
__device__ inline void copy_one_async(float* shared, const float* from, bool there) {
  asm volatile("cp.async.ca.shared.global [%0], [%1], 4, %2;" ::"r"(
                   unsigned(__cvta_generic_to_shared(shared))),
               "l"(from), "r"(there ? 4 : 0)
               : "memory");
}
__device__ inline void commit_copies() {
  asm volatile("cp.async.commit_group;" ::: "memory");
}
// Until at most `left` groups of this thread are under way.
template <int left> __device__ void wait_for_copies() {
  asm volatile("cp.async.wait_group %0;" ::"n"(left) : "memory");
}

} // namespace lookback::cuda
