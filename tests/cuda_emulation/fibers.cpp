#include "tests/cuda_emulation/fibers.hpp"

#include "cuda_runtime.h"

#include <array>
#include <csetjmp>
#include <cstdio>
#include <cstdlib>
#include <ucontext.h>
#include <vector>

emulation_dim3 threadIdx, blockIdx, blockDim, gridDim;

namespace lookback::emulation {
namespace {

struct Barrier {
  unsigned arrived = 0, turn = 0;
};
struct Fiber {
  ucontext_t context;
  std::jmp_buf resume;
  std::vector<char> stack = std::vector<char>(1 << 17);
  bool started = false, done = false;
};

std::array<Fiber, most_threads> fibers;
std::array<Barrier, most_threads / warp_size> warps;
Barrier block;
ucontext_t scheduler;
std::jmp_buf scheduler_resume;
const std::function<void()>* body;
unsigned current, threads_of_block;

[[noreturn]] void stop(const char* why) {
  std::fprintf(stderr, "cuda emulation: %s (block %u, thread %u)\n", why, blockIdx.x, current);
  std::abort();
}

// swapcontext asks the kernel for the signal mask at every switch; after the first entry of a
// fiber, jumps do without. Sanitizers understand swapcontext alone.
#ifdef LOOKBACK_EMULATION_WITHOUT_JUMPS
constexpr bool jumps = false;
#else
constexpr bool jumps = true;
#endif

void pause() {
  Fiber& fiber = fibers[current];
  if (!jumps)
    swapcontext(&fiber.context, &scheduler);
  else if (_setjmp(fiber.resume) == 0)
    _longjmp(scheduler_resume, 1);
}

void entry() {
  (*body)();
  fibers[current].done = true;
  if (block.arrived > 0 || warps[current / warp_size].arrived > 0)
    stop("a thread ends where others wait for it");
  if (!jumps) setcontext(&scheduler);
  _longjmp(scheduler_resume, 1);
}

void resume(unsigned thread) {
  Fiber& fiber = fibers[thread];
  current = thread;
  threadIdx.x = thread;
  if (jumps && _setjmp(scheduler_resume) != 0) return;
  if (jumps && fiber.started) _longjmp(fiber.resume, 1);
  if (fiber.started) {
    swapcontext(&scheduler, &fiber.context);
    return;
  }
  fiber.started = true;
  getcontext(&fiber.context);
  fiber.context.uc_stack.ss_sp = fiber.stack.data();
  fiber.context.uc_stack.ss_size = fiber.stack.size();
  fiber.context.uc_link = nullptr;
  makecontext(&fiber.context, entry, 0);
  swapcontext(&scheduler, &fiber.context);
}

void wait(Barrier& barrier, unsigned threads, const std::function<void()>& last) {
  const unsigned turn = barrier.turn;
  if (++barrier.arrived == threads) {
    if (last) last();
    barrier.arrived = 0;
    ++barrier.turn;
  }
  while (barrier.turn == turn) pause();
}

unsigned turns() {
  unsigned sum = block.turn;
  for (const Barrier& warp : warps) sum += warp.turn;
  return sum;
}

void run_block(unsigned threads) {
  for (unsigned t = 0; t < threads; ++t) fibers[t].started = fibers[t].done = false;
  for (unsigned left = threads, round = 0; left > 0; ++round) {
    const unsigned before = left, turns_before = turns();
    for (unsigned i = 0; i < threads; ++i) {
      const unsigned t = (round + blockIdx.x) % 2 ? threads - 1 - i : i;
      if (fibers[t].done) continue;
      resume(t);
      left -= fibers[t].done;
    }
    if (left == before && turns() == turns_before && round > 0) stop("the threads wait for ever");
  }
}

} // namespace

void run_blocks(unsigned blocks, unsigned threads, const std::function<void()>& kernel) {
  body = &kernel;
  threads_of_block = threads;
  gridDim.x = blocks;
  blockDim.x = threads;
  for (blockIdx.x = 0; blockIdx.x < blocks; ++blockIdx.x) run_block(threads);
}

void wait_for_block() {
  wait(block, threads_of_block, {});
}

void wait_for_warp(const std::function<void()>& last) {
  wait(warps[current / warp_size], warp_size, last);
}

} // namespace lookback::emulation
