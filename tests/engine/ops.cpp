// What holds for every op: precision, threads, batches, adding, memory that is not clean.
#include "tests/evaluate.hpp"
#include "tests/golden.hpp"

#include "engine/parallel.hpp"

#include <doctest/doctest.h>

#include <algorithm>

using namespace lookback;
using namespace lookback::test;

namespace {

void check_same_bits(const Evaluation& a, const Evaluation& b) {
  CHECK(a.value == b.value);
  CHECK(a.gradients == b.gradients);
}

void check_close(const Evaluation& a, const Evaluation& b, double bound) {
  CHECK(max_relative_error(a.value, b.value) <= bound);
  for (std::size_t i = 0; i < b.gradients.size(); ++i) {
    CAPTURE(i);
    CHECK(max_relative_error(a.gradients[i], b.gradients[i]) <= bound);
  }
}

// Leaves NaN in the pool's idle blocks of up to 32 KiB.
void poison_pool(Backend& backend) {
  Tensors held;
  for (std::int64_t bytes = 256; bytes <= 32768; bytes += 256)
    for (int copy = 0; copy < 4; ++copy) {
      held.emplace_back(Shape{bytes / 8}, DType::f64, backend);
      backend.fill(held.back(), NAN);
    }
}

// Samples [part.first, part.first + part.count) of values whose first axis has `batch` entries.
std::vector<double> rows(const std::vector<double>& values, std::int64_t batch, Part part) {
  const std::int64_t stride = std::int64_t(values.size()) / batch;
  const auto first = values.begin() + part.first * stride;
  return {first, first + part.count * stride};
}

} // namespace

TEST_CASE("float32 results are those of float64 within the rounding of the sums") {
  for (const OpCase& c : op_cases()) {
    CAPTURE(c.name);
    check_close(evaluate(c, DType::f32, cpu_backend()), evaluate(c, DType::f64, cpu_backend()),
                rounding_bound(c, DType::f32));
  }
}

TEST_CASE("every op gives the same bits with any number of threads") {
  for (const OpCase& c : op_cases()) {
    CAPTURE(c.name);
    for (DType type : {DType::f32, DType::f64}) {
      set_threads(1);
      const Evaluation alone = evaluate(c, type, cpu_backend());
      for (int count : {2, 3}) {
        set_threads(count);
        check_same_bits(evaluate(c, type, cpu_backend()), alone);
      }
    }
  }
  set_threads(0);
}

TEST_CASE("the bits of a sample do not depend on the batch it is in") {
  for (const OpCase& c : op_cases()) {
    if (!c.per_sample) continue;
    CAPTURE(c.name);
    const Evaluation whole = evaluate(c, DType::f32, cpu_backend());
    const std::int64_t batch = c.inputs[0].shape[0];
    for (std::int64_t b = 0; b < batch; ++b) {
      const Part one{b, 1};
      const Evaluation single = evaluate(c, DType::f32, cpu_backend(), one);
      CHECK(single.value == rows(whole.value, batch, one));
      for (std::size_t i = 0; i < c.inputs.size(); ++i)
        if (c.inputs[i].per_sample && c.inputs[i].differentiated)
          CHECK(single.gradients[i] == rows(whole.gradients[i], batch, one));
    }
  }
}

TEST_CASE("a gradient is added to what stands in its place") {
  for (const OpCase& c : op_cases()) {
    CAPTURE(c.name);
    const Evaluation fresh = evaluate(c, DType::f64, cpu_backend());
    const Evaluation added = evaluate(c, DType::f64, cpu_backend(), {}, true);
    for (std::size_t i = 0; i < c.inputs.size(); ++i) {
      if (!c.inputs[i].differentiated) continue;
      CAPTURE(i);
      std::vector<double> expected = to_doubles(random_tensor(
          c.inputs[i].shape, earlier_gradient_draw + std::uint32_t(i), DType::f64, cpu_backend()));
      for (std::size_t k = 0; k < expected.size(); ++k) expected[k] += fresh.gradients[i][k];
      CHECK(max_relative_error(added.gradients[i], expected) <= rounding_bound(c, DType::f64));
    }
  }
}

TEST_CASE("no op reads memory that nobody has written") {
  for (const OpCase& c : op_cases()) {
    CAPTURE(c.name);
    const Evaluation first = evaluate(c, DType::f32, cpu_backend());
    poison_pool(cpu_backend());
    check_same_bits(evaluate(c, DType::f32, cpu_backend()), first);
  }
}

TEST_CASE("a case exists for every op that the list of ops declares") {
  const std::set<std::string> expected = {
      "variable", "activate",  "add",        "reshape",  "scale_samples",    "squared_norm", "mean",
      "conv1d",   "attention", "group_norm", "resample", "fourier_features", "concat"};
  CHECK(ops_with_a_case(cpu_backend()) == expected);
}
