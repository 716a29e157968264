// Fused ops against their composition from plain ones, and linear maps against their transposes.
#include "tests/evaluate.hpp"
#include "tests/golden.hpp"

#include <doctest/doctest.h>

#include <numeric>

using namespace lookback;
using namespace lookback::test;

namespace {

using Values = std::vector<double>;

// Both sides are float64 and sum at most a few hundred terms in different orders.
constexpr double most_rounding = 1000 * 0x1p-53;

Tensor draw(Shape shape, std::uint32_t number) {
  return random_tensor(shape, number, DType::f64, cpu_backend());
}

double dot(const Tensor& a, const Tensor& b) {
  const Values x = to_doubles(a), y = to_doubles(b);
  return std::inner_product(x.begin(), x.end(), y.begin(), 0.0);
}

// The transpose of the linear map f, applied to dy: its gradient.
template <class F> Tensor transpose_applied(F&& f, const Tensor& x, const Tensor& dy) {
  Tape tape;
  const Tensor leaf = tape.variable(x);
  tape.backward(f(leaf), dy);
  return tape.gradient(leaf);
}

// y[b, l, o] = sum_{k, c} w[k, c, o] x[b, l + k - K/2, c], written as the sum it is.
Values plain_convolution(const Tensor& x, const Tensor& w) {
  const std::int64_t b = x.shape()[0], length = x.shape()[1], ci = x.shape()[2];
  const std::int64_t taps = w.shape()[0], co = w.shape()[2];
  const Values xs = to_doubles(x), ws = to_doubles(w);
  Values y(std::size_t(b * length * co));
  for (std::int64_t n = 0; n < b; ++n)
    for (std::int64_t l = 0; l < length; ++l)
      for (std::int64_t k = 0; k < taps; ++k) {
        const std::int64_t from = l + k - taps / 2;
        if (from < 0 || from >= length) continue;
        for (std::int64_t c = 0; c < ci; ++c)
          for (std::int64_t o = 0; o < co; ++o)
            y[std::size_t((n * length + l) * co + o)] +=
                ws[std::size_t((k * ci + c) * co + o)] *
                xs[std::size_t((n * length + from) * ci + c)];
      }
  return y;
}

// Softmax over keys of q k / sqrt C, applied to v.
Values plain_attention(const Tensor& qkv) {
  const std::int64_t b = qkv.shape()[0], length = qkv.shape()[1], c = qkv.shape()[2] / 3;
  const Values x = to_doubles(qkv);
  auto at = [&](std::int64_t n, std::int64_t l, std::int64_t part, std::int64_t i) {
    return x[std::size_t((n * length + l) * 3 * c + part * c + i)];
  };
  Values y(std::size_t(b * length * c));
  for (std::int64_t n = 0; n < b; ++n)
    for (std::int64_t l = 0; l < length; ++l) {
      Values p(std::size_t(length), 0.0);
      double total = 0;
      for (std::int64_t j = 0; j < length; ++j) {
        double product = 0;
        for (std::int64_t i = 0; i < c; ++i) product += at(n, l, 0, i) * at(n, j, 1, i);
        total += p[std::size_t(j)] = std::exp(product / std::sqrt(double(c)));
      }
      for (std::int64_t j = 0; j < length; ++j)
        for (std::int64_t i = 0; i < c; ++i)
          y[std::size_t((n * length + l) * c + i)] += p[std::size_t(j)] / total * at(n, j, 2, i);
    }
  return y;
}

} // namespace

TEST_CASE("a convolution is the sum that defines it") {
  for (const ConvSizes n :
       {ConvSizes{2, 9, 4, 8, 3}, {1, 1, 3, 5, 1}, {2, 30, 17, 35, 5}, {1, 2, 2, 3, 7}}) {
    const Tensor x = draw({n.b, n.l, n.ci}, 1), w = draw({n.k, n.ci, n.co}, 2);
    CHECK(max_relative_error(to_doubles(conv1d(x, w)), plain_convolution(x, w)) <= most_rounding);
  }
}

TEST_CASE("the epilogue of a convolution is what its parts add up to") {
  const Tensor x = draw({2, 13, 6}, 1), w = draw({3, 6, 9}, 2);
  const ConvEpilogue e{draw({9}, 3), draw({2, 9}, 4), draw({2, 13, 9}, 5), 0.7};
  Values expected = to_doubles(conv1d(x, w));
  const Values bias = to_doubles(e.bias), embedding = to_doubles(e.embedding);
  const Values residual = to_doubles(e.residual);
  for (std::size_t i = 0; i < expected.size(); ++i)
    expected[i] =
        0.7 * (expected[i] + bias[i % 9] + embedding[i / (13 * 9) * 9 + i % 9] + residual[i]);
  CHECK(max_relative_error(to_doubles(conv1d(x, w, e)), expected) <= most_rounding);
}

TEST_CASE("group norm with an activation is group norm and then the activation") {
  const Tensor x = draw({2, 11, 12}, 1), gamma = draw({12}, 2), beta = draw({12}, 3);
  for (Activation kind : {Activation::silu, Activation::relu, Activation::elu, Activation::tanh}) {
    const Tensor fused = group_norm(x, gamma, beta, 3, 1e-6, kind);
    const Tensor composed = activate(kind, group_norm(x, gamma, beta, 3, 1e-6));
    CHECK(max_relative_error(to_doubles(fused), to_doubles(composed)) <= most_rounding);
  }
}

TEST_CASE("group norm leaves every group with mean 0 and variance 1") {
  const Tensor x = draw({2, 50, 8}, 1);
  Tensor gamma({8}, DType::f64, cpu_backend()), beta({8}, DType::f64, cpu_backend());
  cpu_backend().fill(gamma, 1);
  cpu_backend().fill(beta, 0);
  const Values y = to_doubles(group_norm(x, gamma, beta, 2, 0));
  for (std::size_t b = 0; b < 2; ++b)
    for (std::size_t g = 0; g < 2; ++g) {
      double sum = 0, squares = 0;
      for (std::size_t l = 0; l < 50; ++l)
        for (std::size_t c = 4 * g; c < 4 * g + 4; ++c) {
          const double value = y[(b * 50 + l) * 8 + c];
          sum += value;
          squares += value * value;
        }
      CHECK(std::abs(sum / 200) <= most_rounding);
      CHECK(std::abs(squares / 200 - 1) <= most_rounding);
    }
}

TEST_CASE("attention is the softmax of the products, applied to the values") {
  for (const Shape& shape : {Shape{2, 7, 12}, Shape{1, 1, 3}, Shape{2, 40, 15}}) {
    const Tensor qkv = draw(shape, 1);
    CHECK(max_relative_error(to_doubles(attention(qkv)), plain_attention(qkv)) <= most_rounding);
  }
}

TEST_CASE("attention does not overflow where its products are large") {
  Tensor qkv = draw({1, 6, 12}, 1), large = empty_like(qkv);
  cpu_backend().scale(1e4, qkv, {large, false});
  for (double value : to_doubles(attention(large))) CHECK(std::isfinite(value));
}

TEST_CASE("a dense layer is the product of matrices") {
  const Tensor x = draw({5, 33}, 1), w = draw({1, 33, 7}, 2), bias = draw({7}, 3);
  const Values xs = to_doubles(x), ws = to_doubles(w), bs = to_doubles(bias);
  Values expected(35);
  for (std::size_t b = 0; b < 5; ++b)
    for (std::size_t o = 0; o < 7; ++o) {
      expected[b * 7 + o] = bs[o];
      for (std::size_t i = 0; i < 33; ++i) expected[b * 7 + o] += xs[b * 33 + i] * ws[i * 7 + o];
    }
  CHECK(max_relative_error(to_doubles(linear(x, w, bias)), expected) <= most_rounding);
}

TEST_CASE(
    "resampling is zero-insertion, filter and decimation, and its gradient is its transpose") {
  const Tensor x = draw({2, 10, 3}, 1);
  for (const Resampling& filter :
       {fir_up(), fir_down(), Resampling{{1, 2, -1, 0.3, 0.7}, 2, 3, -1}}) {
    for (std::int64_t length : {1, 5, 6, 20}) {
      auto r = [&](const Tensor& t) { return resample(filter, t, length); };
      const Tensor y = draw({2, length, 3}, 2), rx = r(x);
      const double forward = dot(y, rx), back = dot(transpose_applied(r, x, y), x);
      CHECK(std::abs(forward - back) <=
            most_rounding * std::sqrt(dot(y, y) * dot(rx, rx) + dot(x, x)));
    }
  }
}

TEST_CASE("the FIR filters keep a constant away from the ends") {
  Tensor one({1, 16, 1}, DType::f64, cpu_backend());
  cpu_backend().fill(one, 1);
  const Values up = to_doubles(resample(fir_up(), one, 32)),
               down = to_doubles(resample(fir_down(), one, 8));
  for (std::size_t i = 1; i + 1 < up.size(); ++i) CHECK(up[i] == 1);
  for (std::size_t i = 1; i + 1 < down.size(); ++i) CHECK(down[i] == 1);
}

TEST_CASE("convolution is linear in its input and weight, and its gradients are the transposes") {
  const Tensor x = draw({2, 9, 5}, 1), w = draw({3, 5, 7}, 2), dy = draw({2, 9, 7}, 3);
  const double product = dot(dy, conv1d(x, w));
  const Tensor dx = transpose_applied([&](const Tensor& t) { return conv1d(t, w); }, x, dy);
  const Tensor dw = transpose_applied([&](const Tensor& t) { return conv1d(x, t); }, w, dy);
  CHECK(dot(dx, x) == doctest::Approx(product).epsilon(most_rounding));
  CHECK(dot(dw, w) == doctest::Approx(product).epsilon(most_rounding));
}
