// Each kernel of the CPU backend on one thread and the shapes of the paper's network at batch 64:
// its rate and, for convolutions, the share of the matrix product's.
#include "bench/ceiling.hpp"
#include "engine/backend.hpp"

#include <benchmark/benchmark.h>

using namespace lookback;

namespace {

Tensor noise(Shape shape, std::uint32_t object) {
  Tensor x(shape, DType::f32, cpu_backend());
  cpu_backend().normal({1, Purpose::training_noise, object, 0, 0}, x);
  return x;
}

struct Conv {
  Tensor x, w, y;
  double flop;
  explicit Conv(const benchmark::State& state) {
    const std::int64_t taps = state.range(0), ci = state.range(1), co = state.range(2),
                       length = state.range(3), batch = 64;
    x = noise({batch, length, ci}, 1);
    w = noise({taps, ci, co}, 2);
    y = noise({batch, length, co}, 3);
    flop = 2.0 * double(batch * length * taps * ci * co);
  }
  void report(benchmark::State& state) const {
    static const double ceiling = bench::product_gflops();
    const double gflop = flop * 1e-9 * double(state.iterations());
    state.counters["GFLOP/s"] = benchmark::Counter(gflop, benchmark::Counter::kIsRate);
    state.counters["of GEMM"] = benchmark::Counter(gflop / ceiling, benchmark::Counter::kIsRate);
  }
};

void conv1d(benchmark::State& state) {
  const Conv c(state);
  for (auto _ : state) cpu_backend().conv1d(c.x, c.w, {}, c.y);
  c.report(state);
}
void conv1d_backward_input(benchmark::State& state) {
  const Conv c(state);
  for (auto _ : state) cpu_backend().conv1d_backward_input(1, c.w, c.y, {c.x, false});
  c.report(state);
}
void conv1d_backward_weight(benchmark::State& state) {
  const Conv c(state);
  for (auto _ : state) cpu_backend().conv1d_backward_weight(1, c.x, c.y, {c.w, true});
  c.report(state);
}

void conv_shapes(benchmark::internal::Benchmark* b) {
  b->Args({3, 64, 64, 64})
      ->Args({3, 128, 128, 32})
      ->Args({3, 256, 256, 8})
      ->Args({3, 192, 128, 32});
  b->Args({3, 512, 256, 8})->Args({1, 512, 256, 8})->Args({1, 128, 64, 64});
  b->Args({3, 2, 64, 64})->Args({3, 64, 2, 64});
}

void norm_shapes(benchmark::internal::Benchmark* b) {
  b->Args({64, 64})->Args({128, 32})->Args({256, 8})->Args({192, 32});
}

void report_elements(benchmark::State& state, const Tensor& x) {
  state.counters["Gelement/s"] = benchmark::Counter(
      double(x.size()) * 1e-9 * double(state.iterations()), benchmark::Counter::kIsRate);
}

void group_norm(benchmark::State& state) {
  const std::int64_t channels = state.range(0), length = state.range(1), batch = 64;
  const Tensor x = noise({batch, length, channels}, 1), y = empty_like(x),
               gamma = noise({channels}, 2), beta = noise({channels}, 3),
               statistics = noise({batch, std::min<std::int64_t>(32, channels / 4), 2}, 4);
  for (auto _ : state)
    cpu_backend().group_norm(x, gamma, beta, 1e-6, Activation::silu, y, statistics);
  report_elements(state, x);
}

void group_norm_backward(benchmark::State& state) {
  const std::int64_t channels = state.range(0), length = state.range(1), batch = 64;
  const Tensor x = noise({batch, length, channels}, 1), y = empty_like(x),
               gamma = noise({channels}, 2), beta = noise({channels}, 3),
               dgamma = empty_like(gamma), dbeta = empty_like(gamma),
               statistics = noise({batch, std::min<std::int64_t>(32, channels / 4), 2}, 4);
  cpu_backend().group_norm(x, gamma, beta, 1e-6, Activation::silu, y, statistics);
  for (auto _ : state)
    cpu_backend().group_norm_backward(x, gamma, beta, statistics, Activation::silu, x, {y, false},
                                      {dgamma, false}, {dbeta, false});
  report_elements(state, x);
}

void resample_down(benchmark::State& state) {
  const std::int64_t channels = state.range(0), length = state.range(1), batch = 64;
  const Tensor x = noise({batch, length, channels}, 1), y = noise({batch, length / 2, channels}, 2);
  for (auto _ : state)
    cpu_backend().resample({{0.125, 0.375, 0.375, 0.125}, 1, 2, 1}, x, {y, false});
  report_elements(state, x);
}

void attention(benchmark::State& state) {
  const std::int64_t channels = 256, length = state.range(0), batch = 64;
  const Tensor qkv = noise({batch, length, 3 * channels}, 1),
               y = noise({batch, length, channels}, 2);
  for (auto _ : state) cpu_backend().attention(qkv, y);
  report_elements(state, y);
}

} // namespace

BENCHMARK(conv1d)->Apply(conv_shapes);
BENCHMARK(conv1d_backward_input)->Apply(conv_shapes);
BENCHMARK(conv1d_backward_weight)->Apply(conv_shapes);
BENCHMARK(group_norm)->Apply(norm_shapes);
BENCHMARK(group_norm_backward)->Apply(norm_shapes);
BENCHMARK(resample_down)->Apply(norm_shapes);
BENCHMARK(attention)->Arg(8)->Arg(32);

int main(int argc, char** argv) {
  set_threads(1);
  benchmark::Initialize(&argc, argv);
  benchmark::RunSpecifiedBenchmarks();
}
