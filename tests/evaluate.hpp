// Value and gradients of an op case, on any device, in either precision, for any part of the batch.
// The inputs are normal numbers rounded to float32, so that every evaluation sees the same ones.
#pragma once

#include "tests/op_cases.hpp"

namespace lookback::test {

inline std::vector<double> to_doubles(const Tensor& x) {
  std::vector<double> host;
  visit(x.dtype(), [&](auto zero) {
    const auto values = x.values<decltype(zero)>();
    host.assign(values.begin(), values.end());
  });
  return host;
}

inline Tensor from_doubles(Shape shape, const std::vector<double>& values, DType type,
                           Backend& backend) {
  Tensor x;
  visit(type, [&](auto zero) {
    using T = decltype(zero);
    const std::vector<T> converted(values.begin(), values.end());
    x = Tensor::from<T>(shape, converted, backend);
  });
  return x;
}

// Normal numbers; `first` is the element of the stream that comes first.
inline Tensor random_tensor(Shape shape, std::uint32_t draw, DType type, Backend& backend,
                            std::int64_t first = 0) {
  const Stream stream{2023, Purpose::weights, 0, draw, 0};
  std::vector<double> values(static_cast<std::size_t>(shape.size()));
  for (std::size_t i = 0; i < values.size(); ++i)
    values[i] = float(stream.normal(std::uint64_t(first) + i));
  return from_doubles(shape, values, type, backend);
}

struct Evaluation {
  std::vector<double> value;
  std::vector<std::vector<double>> gradients; // one per input, empty where it is a constant
};

struct Part {
  std::int64_t first = 0, count = -1; // of the batch; -1: all of it
};

inline Shape with_batch(const Shape& shape, std::int64_t count) {
  switch (shape.rank()) {
  case 1:
    return {count};
  case 2:
    return {count, shape[1]};
  default:
    return {count, shape[1], shape[2]};
  }
}

inline Tensor input_of(const OpCase& c, std::size_t i, DType type, Backend& backend,
                       Part part = {}) {
  const Input& input = c.inputs[i];
  if (!input.per_sample || part.count < 0)
    return random_tensor(input.shape, std::uint32_t(i), type, backend);
  const Shape shape = with_batch(input.shape, part.count);
  const std::int64_t stride = input.shape.size() / input.shape[0];
  return random_tensor(shape, std::uint32_t(i), type, backend, part.first * stride);
}

constexpr std::uint32_t cotangent_draw = 100, earlier_gradient_draw = 200;

// With add_to_earlier, gradients are added to random numbers that stand where they go.
inline Evaluation evaluate(const OpCase& c, DType type, Backend& backend, Part part = {},
                           bool add_to_earlier = false) {
  Tape tape;
  Tensors inputs;
  for (std::size_t i = 0; i < c.inputs.size(); ++i) {
    Tensor x = input_of(c, i, type, backend, part), earlier;
    if (add_to_earlier)
      earlier = random_tensor(x.shape(), earlier_gradient_draw + std::uint32_t(i), type, backend);
    inputs.push_back(c.inputs[i].differentiated ? tape.variable(x, earlier) : x);
  }
  const Tensor y = c.f(inputs);
  const std::int64_t stride = c.per_sample ? y.size() / y.shape()[0] : 0;
  tape.backward(y, random_tensor(y.shape(), cotangent_draw, type, backend, part.first * stride));
  Evaluation result{to_doubles(y), {}};
  for (std::size_t i = 0; i < inputs.size(); ++i)
    result.gradients.push_back(c.inputs[i].differentiated ? to_doubles(tape.gradient(inputs[i]))
                                                          : std::vector<double>{});
  return result;
}

// A sum of n terms, in whatever order, is off by at most n u sum|terms| (Higham 2002, sec. 4.2), u
// being half the spacing of the type's numbers at 1. For the normal numbers of the cases sum|terms|
// is below 4 times the largest sum of a tensor.
inline double rounding_bound(const OpCase& c, DType type) {
  return 4 * c.terms * (type == DType::f32 ? 0x1p-24 : 0x1p-53);
}

} // namespace lookback::test
