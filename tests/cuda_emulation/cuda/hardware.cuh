// cuda/hardware.cuh for a CPU, which takes this file in its place: the same functions, computed
// from what the manual says of them. Asynchronous copies are made when they are waited for, no
// sooner.
#pragma once

#include <cuda_runtime.h>

#include <bit>
#include <cstdint>
#include <cstdio>
#include <deque>

namespace lookback::cuda {

constexpr int enough_blocks = 4; // few, so that small cases reach the kernels of large ones

template <class... Parameters>
void start_kernel(void (*kernel)(Parameters...), unsigned blocks, unsigned threads,
                  cudaStream_t stream, Parameters... arguments) {
  stream->give([=] { emulation::run_blocks(blocks, threads, [=] { kernel(arguments...); }); });
}

inline std::uint32_t to_tf32(float x) {
  return (std::bit_cast<std::uint32_t>(x) + 0x1000u) & 0xffffe000u;
}
inline std::uint32_t to_bf16(float x) {
  const auto bits = std::bit_cast<std::uint32_t>(x);
  return (bits + 0x7fffu + (bits >> 16 & 1)) >> 16;
}
inline std::uint32_t to_bf16_pair(float first, float second) {
  return to_bf16(first) | to_bf16(second) << 16;
}

// What the lanes of a warp hand to an instruction.
struct WarpProduct {
  float* c[32];
  const std::uint32_t *a[32], *b[32];

  // c[16][8] += a[16][terms] b[terms][8]; a_at(row, k) and b_at(k, column) find the factors.
  template <class A, class B> void add(int terms, const A& a_at, const B& b_at) {
    for (int lane = 0; lane < 32; ++lane)
      for (int i = 0; i < 4; ++i) {
        const int row = lane / 4 + i / 2 * 8, column = lane % 4 * 2 + i % 2;
        for (int k = 0; k < terms; ++k) c[lane][i] += a_at(row, k) * b_at(k, column);
      }
  }
};

// Lanes gather; the last to come computes for all.
template <class Compute>
void multiply_by_warp(float (&c)[4], const std::uint32_t (&a)[4], const std::uint32_t (&b)[2],
                      const Compute& compute) {
  static WarpProduct products[emulation::most_threads / 32];
  WarpProduct& p = products[threadIdx.x / 32];
  const unsigned lane = threadIdx.x % 32;
  p.c[lane] = c, p.a[lane] = a, p.b[lane] = b;
  emulation::wait_for_warp([&] { compute(p); });
}

inline void multiply_add_tf32(float (&c)[4], const std::uint32_t (&a)[4],
                              const std::uint32_t (&b)[2]) {
  multiply_by_warp(c, a, b, [](WarpProduct& p) {
    p.add(
        8,
        [&](int row, int k) {
          return std::bit_cast<float>(p.a[row % 8 * 4 + k % 4][row / 8 + k / 4 * 2]);
        },
        [&](int k, int column) { return std::bit_cast<float>(p.b[column * 4 + k % 4][k / 4]); });
  });
}

inline void multiply_add_bf16(float (&c)[4], const std::uint32_t (&a)[4],
                              const std::uint32_t (&b)[2]) {
  const auto half = [](std::uint32_t pair, int k) {
    return std::bit_cast<float>(k % 2 ? pair & 0xffff0000u : pair << 16);
  };
  multiply_by_warp(c, a, b, [half](WarpProduct& p) {
    p.add(
        16,
        [&](int row, int k) { return half(p.a[row % 8 * 4 + k % 8 / 2][row / 8 + k / 8 * 2], k); },
        [&](int k, int column) { return half(p.b[column * 4 + k % 8 / 2][k / 8], k); });
  });
}

struct AsyncCopy {
  float* to;
  const float* from;
  int count;
  bool there;
};
inline std::deque<std::deque<AsyncCopy>> copies_under_way[emulation::most_threads];
inline std::deque<AsyncCopy> copies_not_committed[emulation::most_threads];

inline void note_copy(float* to, const float* from, int count, bool there) {
  const auto alignment = std::uintptr_t(4 * count);
  if (std::uintptr_t(to) % alignment || std::uintptr_t(from) % alignment) {
    std::fprintf(stderr, "cuda emulation: an asynchronous copy is not aligned\n");
    std::abort();
  }
  copies_not_committed[threadIdx.x].push_back({to, from, count, there});
}
inline void copy_four_async(float* to, const float* from, bool there) {
  note_copy(to, from, 4, there);
}
inline void copy_one_async(float* to, const float* from, bool there) {
  note_copy(to, from, 1, there);
}
inline void commit_copies() {
  copies_under_way[threadIdx.x].push_back(std::move(copies_not_committed[threadIdx.x]));
  copies_not_committed[threadIdx.x].clear();
}
template <int left> void wait_for_copies() {
  auto& groups = copies_under_way[threadIdx.x];
  for (; groups.size() > left; groups.pop_front())
    for (const AsyncCopy& copy : groups.front())
      for (int i = 0; i < copy.count; ++i) copy.to[i] = copy.there ? copy.from[i] : 0;
}

} // namespace lookback::cuda
