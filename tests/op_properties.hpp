// What holds for every op on every device. `evaluate` says how inputs are made.
#pragma once

#include "tests/evaluate.hpp"
#include "tests/golden.hpp"

#include <doctest/doctest.h>

namespace lookback::test {

inline void check_same_bits(const Evaluation& a, const Evaluation& b) {
  CHECK(a.value == b.value);
  CHECK(a.gradients == b.gradients);
}

inline void check_close(const Evaluation& a, const Evaluation& b, double bound) {
  CHECK(max_relative_error(a.value, b.value) <= bound);
  for (std::size_t i = 0; i < b.gradients.size(); ++i) {
    CAPTURE(i);
    CHECK(max_relative_error(a.gradients[i], b.gradients[i]) <= bound);
  }
}

// Samples [part.first, part.first + part.count) of values whose first axis has `batch` entries.
inline std::vector<double> rows(const std::vector<double>& values, std::int64_t batch, Part part) {
  const std::int64_t stride = std::int64_t(values.size()) / batch;
  const auto first = values.begin() + part.first * stride;
  return {first, first + part.count * stride};
}

inline void check_batch_independence(Backend& backend) {
  for (const OpCase& c : op_cases()) {
    if (!c.per_sample) continue;
    CAPTURE(c.name);
    const Evaluation whole = evaluate(c, DType::f32, backend);
    const std::int64_t batch = c.inputs[0].shape[0];
    for (std::int64_t b = 0; b < batch; ++b) {
      const Part one{b, 1};
      const Evaluation single = evaluate(c, DType::f32, backend, one);
      CHECK(single.value == rows(whole.value, batch, one));
      for (std::size_t i = 0; i < c.inputs.size(); ++i)
        if (c.inputs[i].per_sample && c.inputs[i].differentiated)
          CHECK(single.gradients[i] == rows(whole.gradients[i], batch, one));
    }
  }
}

inline void check_adding(Backend& backend) {
  for (const OpCase& c : op_cases()) {
    CAPTURE(c.name);
    const Evaluation fresh = evaluate(c, DType::f64, backend);
    const Evaluation added = evaluate(c, DType::f64, backend, {}, true);
    for (std::size_t i = 0; i < c.inputs.size(); ++i) {
      if (!c.inputs[i].differentiated) continue;
      CAPTURE(i);
      const std::uint32_t draw = earlier_gradient_draw + std::uint32_t(i);
      std::vector<double> expected =
          to_doubles(random_tensor(c.inputs[i].shape, draw, DType::f64, backend));
      for (std::size_t k = 0; k < expected.size(); ++k) expected[k] += fresh.gradients[i][k];
      CHECK(max_relative_error(added.gradients[i], expected) <= rounding_bound(c, DType::f64));
    }
  }
}

// Leaves NaN in the pool's idle blocks of up to 32 KiB.
inline void poison_pool(Backend& backend) {
  Tensors held;
  for (std::int64_t bytes = 256; bytes <= 32768; bytes += 256)
    for (int copy = 0; copy < 4; ++copy) {
      held.emplace_back(Shape{bytes / 8}, DType::f64, backend);
      backend.fill(held.back(), NAN);
    }
}

inline void check_unwritten_memory(Backend& backend) {
  for (const OpCase& c : op_cases()) {
    CAPTURE(c.name);
    const Evaluation first = evaluate(c, DType::f32, backend);
    poison_pool(backend);
    check_same_bits(evaluate(c, DType::f32, backend), first);
  }
}

} // namespace lookback::test
