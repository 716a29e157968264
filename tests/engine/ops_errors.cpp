// What ops say about inputs that do not fit.
#include "engine/ops.hpp"

#include <doctest/doctest.h>

using namespace lookback;

namespace {

Tensor zeros(Shape shape) {
  Tensor x(shape, DType::f32, cpu_backend());
  cpu_backend().fill(x, 0);
  return x;
}

} // namespace

TEST_CASE("a convolution names the shapes that do not fit") {
  const Tensor x = zeros({2, 8, 3});
  CHECK_THROWS_WITH_AS(conv1d(zeros({2, 3}), zeros({3, 3, 4})),
                       "conv1d: x has shape [2, 3], expected [B, L, C]", Error);
  CHECK_THROWS_WITH_AS(conv1d(x, zeros({2, 3, 4})),
                       "conv1d: weight has shape [2, 3, 4], expected [K odd, Ci, Co]", Error);
  CHECK_THROWS_WITH_AS(conv1d(x, zeros({3, 5, 4})), "conv1d: x has 3 channels, weight expects 5",
                       Error);
  ConvEpilogue epilogue;
  epilogue.bias = zeros({5});
  CHECK_THROWS_WITH_AS(conv1d(x, zeros({3, 3, 4}), epilogue),
                       "conv1d: bias has shape [5], expected [4]", Error);
}

TEST_CASE("other ops name the shapes that do not fit") {
  CHECK_THROWS_WITH_AS(add(zeros({2, 3}), zeros({3, 2})), "add: shapes [2, 3] and [3, 2] differ",
                       Error);
  CHECK_THROWS_WITH_AS(reshape(zeros({2, 3}), {7}), "reshaped: [2, 3] cannot become [7]", Error);
  CHECK_THROWS_WITH_AS(attention(zeros({1, 4, 8})),
                       "attention: input has shape [1, 4, 8], expected [B, L, 3C]", Error);
  CHECK_THROWS_WITH_AS(group_norm(zeros({1, 4, 8}), zeros({8}), zeros({8}), 3, 1e-6),
                       "group_norm: 8 channels cannot be split into 3 groups", Error);
  CHECK_THROWS_WITH_AS(concat(zeros({1, 4, 8}), zeros({1, 5, 8})),
                       "concat: shapes [1, 4, 8] and [1, 5, 8] differ in more than channels",
                       Error);
  CHECK_THROWS_AS(resample({{1}, 1, 1, 0}, zeros({1, 4, 2}), 0), Error);
  CHECK_THROWS_AS(scale_samples(zeros({3}), zeros({2, 4})), Error);
}

TEST_CASE("a tensor refuses a number of values that its shape does not hold") {
  const std::vector<float> five(5);
  CHECK_THROWS_WITH_AS(Tensor::from<float>({2, 3}, five, cpu_backend()),
                       "tensor: 5 values given, shape [2, 3] needs 6", Error);
  CHECK_THROWS_AS((Shape{2, -1}), Error);
  CHECK_THROWS_AS((Shape{1, 1, 1, 1, 1}), Error);
  CHECK_THROWS_AS(zeros({2}).values<double>(), Error);
  CHECK_THROWS_AS(zeros({4}).part(2, {3}), Error);
}
