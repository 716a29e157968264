// The paper's network (ch_mult 1 2 2 4): forward, and a training step, by batch, length, nf and
// threads, in float32 and bfloat16. GFLOP/s counts two operations a multiply-add: 101.4 M of them a
// sample and evaluation at nf 64 and length 64 (growing as nf^2, to some per cent, and with the
// length), three times that in training. "of GEMM" is the share of the matrix product's rate.
#include "bench/ceiling.hpp"
#include "nn/optimizer.hpp"
#include "nn/score_matching.hpp"

#include <benchmark/benchmark.h>

using namespace lookback;

namespace {

struct Setup {
  nn::Ncsnpp network;
  Tensor t, x, z;
  double flop; // of an evaluation

  explicit Setup(const benchmark::State& state)
      : network({.channels = 2, .nf = int(state.range(2)), .ch_mult = {1, 2, 2, 4}}, cpu_backend()),
        t({state.range(0)}, DType::f32, cpu_backend()),
        x({state.range(0), state.range(1), 2}, DType::f32, cpu_backend()), z(empty_like(x)) {
    set_threads(int(state.range(3)));
    network.params().initialise(1);
    cpu_backend().uniform({.seed = 1, .purpose = Purpose::training_time}, t);
    cpu_backend().normal({.seed = 1, .purpose = Purpose::sampler_start}, x);
    cpu_backend().normal({.seed = 1, .purpose = Purpose::training_noise}, z);
    const double width = double(state.range(2)) / 64, length = double(state.range(1)) / 64;
    flop = 2 * 101.4e6 * double(state.range(0)) * length * width * width;
  }
  ~Setup() { set_threads(0); }
};

void report(benchmark::State& state, double flop) {
  const double gflop = flop * 1e-9 * double(state.iterations());
  state.counters["GFLOP/s"] = benchmark::Counter(gflop, benchmark::Counter::kIsRate);
  state.counters["of GEMM"] =
      benchmark::Counter(gflop / bench::product_gflops(), benchmark::Counter::kIsRate);
}

void forward(benchmark::State& state) {
  const Setup s(state);
  s.network(s.t, s.x); // fills the memory pool
  for (auto _ : state) benchmark::DoNotOptimize(s.network(s.t, s.x));
  report(state, s.flop);
}

void forward_bf16(benchmark::State& state) {
  cpu_backend().set_precision(Precision::bf16);
  forward(state);
  cpu_backend().set_precision(Precision::fp32);
}

void training_step(benchmark::State& state) {
  Setup s(state);
  nn::Optimizer optimizer(s.network.params());
  const auto step = [&] {
    optimizer.clear_gradient();
    {
      Tape tape;
      const nn::Recording recording(s.network.params(), tape, optimizer.gradient);
      tape.backward(mean(nn::denoising_losses(s.network, {}, s.x, s.t, s.z)));
    }
    optimizer.update(s.network.params(), {});
  };
  step(); // fills the memory pool
  for (auto _ : state) step();
  report(state, 3 * s.flop);
}

// One thing varied at a time, about batch 128, length 64, nf 64, all threads (0).
void sizes(benchmark::internal::Benchmark* b) {
  b->ArgNames({"batch", "length", "nf", "threads"})->UseRealTime()->Unit(benchmark::kMillisecond);
  for (const int batch : {1, 16, 128}) b->Args({batch, 64, 64, 0});
  b->Args({128, 256, 64, 0})->Args({128, 64, 32, 0})->Args({128, 64, 64, 1});
}

} // namespace

BENCHMARK(forward)->Apply(sizes);
BENCHMARK(forward_bf16)->Apply(sizes);
BENCHMARK(training_step)->Apply(sizes);
