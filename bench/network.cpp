// The paper's network (nf 64, ch_mult 1 2 2 4) at length 64: forward, and a training step, by
// batch. GFLOP/s counts two operations a multiply-add: 101.4 M of them a sample and evaluation,
// three times that in training (spec of score_models' layers). tile_ceiling is the same machine's
// rate in the convolution's inner loop with everything in cache.
#include "engine/parallel.hpp"
#include "nn/optimizer.hpp"
#include "nn/score_matching.hpp"

#include <benchmark/benchmark.h>

#ifdef __AVX512F__
#define LOOKBACK_ISA avx512
#define LOOKBACK_ISA_avx512
#else
#define LOOKBACK_ISA avx2
#define LOOKBACK_ISA_avx2
#endif
#include "engine/cpu/isa.hpp"
#include "engine/cpu/tile.hpp"

using namespace lookback;

namespace {

constexpr double flop_per_evaluation = 2 * 101.4e6;

struct Setup {
  nn::Ncsnpp network;
  Tensor t, x, z;
  explicit Setup(std::int64_t batch)
      : network({.channels = 2, .nf = 64, .ch_mult = {1, 2, 2, 4}}, cpu_backend()),
        t({batch}, DType::f32, cpu_backend()), x({batch, 64, 2}, DType::f32, cpu_backend()),
        z(empty_like(x)) {
    network.params().initialise(1);
    cpu_backend().uniform({.seed = 1, .purpose = Purpose::training_time}, t);
    cpu_backend().normal({.seed = 1, .purpose = Purpose::sampler_start}, x);
    cpu_backend().normal({.seed = 1, .purpose = Purpose::training_noise}, z);
  }
};

void report_rate(benchmark::State& state, double flop) {
  state.counters["GFLOP/s"] =
      benchmark::Counter(flop * 1e-9 * double(state.iterations()), benchmark::Counter::kIsRate);
  state.counters["threads"] = threads();
}

void forward(benchmark::State& state) {
  const Setup s(state.range(0));
  for (auto _ : state) benchmark::DoNotOptimize(s.network(s.t, s.x));
  report_rate(state, flop_per_evaluation * double(state.range(0)));
}

void training_step(benchmark::State& state) {
  Setup s(state.range(0));
  nn::Optimizer optimizer(s.network.params());
  for (auto _ : state) {
    optimizer.clear_gradient();
    {
      Tape tape;
      const nn::Recording recording(s.network.params(), tape, optimizer.gradient);
      tape.backward(mean(nn::denoising_losses(s.network, {}, s.x, s.t, s.z)));
    }
    optimizer.update(s.network.params(), {});
  }
  report_rate(state, 3 * flop_per_evaluation * double(state.range(0)));
}

void tile_ceiling(benchmark::State& state) {
  constexpr int rows = cpu::LOOKBACK_ISA::tile_rows, columns = 2, count = 64;
  alignas(64) static float x[rows][count], w[count * columns * cpu::LOOKBACK_ISA::lanes<float>];
  std::vector<double> sink(std::size_t(threads()) * 64);
  for (auto _ : state)
    parallel_for(threads(), [&](std::int64_t thread) {
      const float* row[rows];
      for (int i = 0; i < rows; ++i) row[i] = x[i];
      cpu::LOOKBACK_ISA::vec<float> acc[rows][columns] = {};
      for (int repeat = 0; repeat < 10000; ++repeat) {
        cpu::LOOKBACK_ISA::multiply<cpu::LOOKBACK_ISA::Plain<float>, rows, columns>(
            row, count, w, columns * cpu::LOOKBACK_ISA::lanes<float>, acc);
        benchmark::ClobberMemory();
      }
      for (int i = 0; i < rows; ++i) sink[std::size_t(thread) * 64] += acc[i][0][0] + acc[i][1][0];
    });
  report_rate(state,
              2.0 * rows * columns * cpu::LOOKBACK_ISA::lanes<float> * count * 10000 * threads());
}

} // namespace

BENCHMARK(forward)->Arg(1)->Arg(16)->Arg(128)->UseRealTime()->Unit(benchmark::kMillisecond);
BENCHMARK(training_step)->Arg(16)->Arg(128)->UseRealTime()->Unit(benchmark::kMillisecond);
BENCHMARK(tile_ceiling)->UseRealTime()->Unit(benchmark::kMillisecond);
