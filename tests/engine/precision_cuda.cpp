// Convolutions on tensor cores: what they round, and what stays as it is.
#include "tests/cuda_device.hpp"
#include "tests/op_properties.hpp"

#include <bit>

using namespace lookback;
using namespace lookback::test;

namespace {

// Of float32 numbers, to nearest: TF32 has 11 significant bits, ties away from zero; bfloat16 has
// 8, ties to even.
double rounded(double value, Precision precision) {
  auto bits = std::bit_cast<std::uint32_t>(float(value));
  if (precision == Precision::tf32) bits = (bits + 0x1000u) & 0xffffe000u;
  if (precision == Precision::bf16) bits = (bits + 0x7fffu + (bits >> 16 & 1)) & 0xffff0000u;
  return std::bit_cast<float>(bits);
}

struct Rounding {
  Backend& backend;
  Rounding(Backend& backend, Precision precision) : backend(backend) {
    backend.set_precision(precision);
  }
  ~Rounding() { backend.set_precision(Precision::fp32); }
};

const ConvSizes sizes[] = {{2, 9, 16, 8, 3},    {3, 17, 20, 7, 3},  {3, 64, 24, 72, 3},
                           {2, 8, 18, 33, 5},   {4, 5, 64, 64, 1},  {1, 1, 33, 7, 1},
                           {5, 64, 16, 130, 3}, {2, 64, 128, 2, 3}, {40, 2, 16, 16, 3},
                           {7, 1, 64, 256, 1},  {3, 48, 96, 32, 3}};

constexpr double scale = 0.75;
constexpr std::uint32_t x_draw = 1, w_draw = 2, dy_draw = 3, bias_draw = 4, embedding_draw = 5,
                        residual_draw = 6, earlier_draw = 7;

// y, dx and dw; with `rounding`, of factors that are rounded as tensor cores would.
struct Products {
  std::vector<double> y, dx, dw;
};
Products products(const ConvSizes& n, Backend& backend, DType type,
                  Precision rounding = Precision::fp32) {
  const auto draw = [&](Shape shape, std::uint32_t number, bool is_factor = false) {
    const Tensor x = random_tensor(shape, number, type, backend);
    if (!is_factor || rounding == Precision::fp32) return x;
    std::vector<double> values = to_doubles(x);
    for (double& v : values) v = rounded(v, rounding);
    return from_doubles(shape, values, type, backend);
  };
  const Shape in{n.b, n.l, n.ci}, out{n.b, n.l, n.co}, kernel{n.k, n.ci, n.co};
  const bool wide_in = n.ci >= 16, wide_out = n.co >= 16;
  ConvEpilogue e;
  e.bias = draw({n.co}, bias_draw);
  e.embedding = draw({n.b, n.co}, embedding_draw);
  e.residual = draw(out, residual_draw);
  e.scale = scale;
  const Tensor y(out, type, backend), dx = draw(in, earlier_draw), dw = draw(kernel, earlier_draw);
  backend.conv1d(draw(in, x_draw, wide_in), draw(kernel, w_draw, wide_in), e, y);
  backend.conv1d_backward_input(scale, draw(kernel, w_draw, wide_out), draw(out, dy_draw, wide_out),
                                {dx, true});
  backend.conv1d_backward_weight(scale, draw(in, x_draw, wide_in), draw(out, dy_draw, wide_in),
                                 {dw, true});
  return {to_doubles(y), to_doubles(dx), to_doubles(dw)};
}

} // namespace

TEST_CASE("cuda: a convolution on tensor cores rounds its factors and nothing else") {
  Backend* cuda = cuda_device_or_skip();
  if (!cuda) return;
  for (const ConvSizes& n : sizes)
    for (Precision precision : {Precision::tf32, Precision::bf16}) {
      CAPTURE(Shape({n.b, n.l, n.ci, n.co}).text());
      CAPTURE(int(precision));
      const Products expected = products(n, cpu_backend(), DType::f64, precision);
      const Rounding on(*cuda, precision);
      const Products got = products(n, *cuda, DType::f32);
      // Products of rounded factors are exact in float32; tensor cores cut sums to float32 where
      // others round, so a term costs twice.
      const double bound = 2 * rounding_bound(conv_case("", n), DType::f32);
      CHECK(max_relative_error(got.y, expected.y) <= bound);
      CHECK(max_relative_error(got.dx, expected.dx) <= bound);
      CHECK(max_relative_error(got.dw, expected.dw) <= bound);
    }
}

TEST_CASE("cuda: on tensor cores, too, bits depend neither on the run nor on the batch") {
  Backend* cuda = cuda_device_or_skip();
  if (!cuda) return;
  for (Precision precision : {Precision::tf32, Precision::bf16}) {
    const Rounding on(*cuda, precision);
    for (const ConvSizes& n : sizes) {
      CAPTURE(Shape({n.b, n.l, n.ci, n.co}).text());
      const OpCase c = conv_case("", n, true, true, true, scale);
      const Evaluation whole = evaluate(c, DType::f32, *cuda);
      check_same_bits(evaluate(c, DType::f32, *cuda), whole);
      const Part last{n.b - 1, 1};
      const Evaluation single = evaluate(c, DType::f32, *cuda, last);
      CHECK(single.value == rows(whole.value, n.b, last));
      CHECK(single.gradients[0] == rows(whole.gradients[0], n.b, last));
    }
  }
}

TEST_CASE("cuda: dense layers made together have the bits of those made one by one") {
  Backend* cuda = cuda_device_or_skip();
  if (!cuda) return;
  const auto draw = [&](Shape shape, std::uint32_t n) {
    return random_tensor(shape, n, DType::f32, *cuda);
  };
  for (Precision precision : {Precision::fp32, Precision::tf32, Precision::bf16}) {
    const Rounding on(*cuda, precision);
    for (std::int64_t batch : {1, 70}) {
      const Tensor x = draw({batch, 20}, 1);
      std::vector<DenseLayer> layers; // more than a launch takes, of all widths
      for (std::uint32_t i = 0; i < 35; ++i) {
        const std::int64_t co = i % 3 ? 8 * i : 2 * i + 1;
        layers.push_back({draw({1, 20, co}, 2 + i), draw({co}, 50 + i)});
      }
      layers.push_back(layers[1]);
      const std::vector<Tensor> together = linear(x, layers);
      for (std::size_t i = 0; i < layers.size(); ++i)
        CHECK(to_doubles(together[i]) == to_doubles(linear(x, layers[i].w, layers[i].bias)));
    }
  }
}

TEST_CASE("cuda: precision leaves float64 as it is") {
  Backend* cuda = cuda_device_or_skip();
  if (!cuda) return;
  const OpCase c = conv_case("", sizes[2]);
  const Evaluation plain = evaluate(c, DType::f64, *cuda);
  const Rounding on(*cuda, Precision::bf16);
  check_same_bits(evaluate(c, DType::f64, *cuda), plain);
}

TEST_CASE("device cpu refuses tf32 and says what it has, and precisions have names") {
  std::string message;
  try {
    cpu_backend().set_precision(precision_named("tf32"));
  } catch (const Error& error) {
    message = error.what();
  }
  CHECK(message == "device cpu has no precision tf32, which is for device cuda; use fp32 or bf16");
  CHECK(cpu_backend().precision() == Precision::fp32);
  CHECK(precision_named("bf16") == Precision::bf16);
  CHECK_THROWS_AS(precision_named("fp16"), Error);
}
