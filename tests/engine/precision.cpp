#include "engine/ops.hpp"
#include "engine/parallel.hpp"

#include <doctest/doctest.h>

#include <bit>
#include <cmath>

using namespace lookback;

namespace {

Tensor noise(Shape shape, std::uint32_t object) {
  Tensor x(shape, DType::f32, cpu_backend());
  cpu_backend().normal({.seed = 5, .purpose = Purpose::training_noise, .object = object}, x);
  return x;
}

// To the nearest multiple of the last place of 8 significant bits, ties to even.
double to_bf16(double x) {
  if (x == 0) return 0;
  const double place = std::exp2(std::floor(std::log2(std::abs(x))) - 7);
  return std::nearbyint(x / place) * place;
}

struct InBf16 {
  InBf16() { cpu_backend().set_precision(Precision::bf16); }
  ~InBf16() { cpu_backend().set_precision(Precision::fp32); }
};

} // namespace

TEST_CASE("a convolution in bfloat16 rounds its factors and nothing else") {
  for (const auto& [taps, ci, co, length] :
       {std::array{3, 64, 64, 16}, {1, 48, 40, 5}, {3, 17, 33, 8}, {5, 16, 2, 7}}) {
    const Tensor x = noise({3, length, ci}, 1), w = noise({taps, ci, co}, 2);
    ConvEpilogue e;
    e.bias = noise({co}, 3);
    e.embedding = noise({3, co}, 4);
    e.residual = noise({3, length, co}, 5);
    e.scale = 0.7;
    std::vector<double> y;
    {
      const InBf16 on;
      y = conv1d(x, w, e).numbers();
    }
    const auto xs = x.numbers(), ws = w.numbers(), bias = e.bias.numbers(),
               embedding = e.embedding.numbers(), residual = e.residual.numbers();
    double worst = 0;
    for (int b = 0; b < 3; ++b)
      for (int l = 0; l < length; ++l)
        for (int o = 0; o < co; ++o) {
          const int row = b * length + l;
          double sum = bias[o] + embedding[b * co + o] + residual[row * co + o], size = std::abs(sum);
          for (int tap = 0; tap < taps; ++tap) {
            const int from = l + tap - taps / 2;
            if (from < 0 || from >= length) continue;
            for (int i = 0; i < ci; ++i) {
              const double term = to_bf16(xs[(b * length + from) * ci + i]) *
                                  to_bf16(ws[(tap * ci + i) * co + o]);
              sum += term;
              size += std::abs(term);
            }
          }
          worst = std::max(worst, std::abs(y[row * co + o] - 0.7 * sum) / size);
        }
    // Products of two bfloat16 are exact in float32; only the sum of taps x ci terms rounds.
    CHECK(worst < taps * ci * 0x1p-24);
  }
}

TEST_CASE("precision concerns wide float32 convolutions in the forward direction alone") {
  const Tensor x = noise({2, 8, 4}, 1), w = noise({3, 4, 8}, 2), wide = noise({2, 8, 64}, 3),
               v = noise({1, 64, 64}, 4);
  const auto narrow = conv1d(x, w).numbers();
  const auto gradient = [&] {
    Tensor dx = empty_like(wide);
    cpu_backend().conv1d_backward_input(1, v, wide, {dx, false});
    return dx.numbers();
  };
  const auto exact = gradient();
  const InBf16 on;
  CHECK(conv1d(x, w).numbers() == narrow);
  CHECK(gradient() == exact);
}

TEST_CASE("in bfloat16 a sample's result depends neither on the batch nor on the threads") {
  const Tensor x = noise({5, 8, 64}, 1), w = noise({3, 64, 96}, 2);
  const InBf16 on;
  const auto together = conv1d(x, w).numbers();
  const std::size_t each = together.size() / 5;
  for (int b = 0; b < 5; ++b) {
    const auto alone = conv1d(x.part(b * 8 * 64, {1, 8, 64}), w).numbers();
    CHECK(std::equal(alone.begin(), alone.end(), together.begin() + std::ptrdiff_t(b * each)));
  }
  const int before = threads();
  set_threads(1);
  CHECK(conv1d(x, w).numbers() == together);
  set_threads(before);
}
