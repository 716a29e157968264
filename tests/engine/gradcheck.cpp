// The gradient of every op against central differences, and the checker against planted errors.
#include "tests/gradcheck.hpp"

#include <doctest/doctest.h>

using namespace lookback;
using namespace lookback::test;

namespace {

constexpr double most_gradient_error = 1e-6; // of the largest slope

Tensor scaled(double factor, const Tensor& x) {
  Tensor y = empty_like(x);
  x.backend().scale(factor, x, {y, false});
  return y;
}

// y = 3 x whose gradient is `slope` dy, and which may overwrite what others have added.
Tensor triple(const Tensor& x, double slope, bool overwrite = false) {
  return record("triple", {x}, scaled(3, x), [=](Tape& tape, const Tensor& dy) {
    tape.into(x, [&](Out dx) { dy.backend().scale(slope, dy, {dx.tensor, dx.add && !overwrite}); });
  });
}

double error_of(const TensorFunction& f) {
  const Tensors inputs = {random_tensor({2, 3}, 0, DType::f64, cpu_backend())};
  return gradient_error(f, inputs, 0);
}

} // namespace

TEST_CASE("the gradient of every op agrees with central differences") {
  for (const OpCase& c : op_cases()) {
    CAPTURE(c.name);
    Tensors inputs;
    for (std::size_t i = 0; i < c.inputs.size(); ++i)
      inputs.push_back(input_of(c, i, DType::f64, cpu_backend()));
    for (std::size_t i = 0; i < inputs.size(); ++i) {
      if (!c.inputs[i].differentiated) continue;
      CAPTURE(i);
      CHECK(gradient_error(c.f, inputs, i) <= most_gradient_error);
    }
  }
}

TEST_CASE("the gradient checker accepts a right gradient") {
  CHECK(error_of([](const Tensors& x) { return triple(x[0], 3); }) < 1e-9);
  CHECK(error_of([](const Tensors& x) { return add(triple(x[0], 3), triple(x[0], 3)); }) < 1e-9);
}

TEST_CASE("the gradient checker rejects a wrong sign") {
  CHECK(error_of([](const Tensors& x) { return triple(x[0], -3); }) > most_gradient_error);
}

TEST_CASE("the gradient checker rejects a gradient off by one per cent") {
  CHECK(error_of([](const Tensors& x) { return triple(x[0], 3.03); }) > most_gradient_error);
}

TEST_CASE("the gradient checker rejects a missing term") {
  CHECK(error_of([](const Tensors& x) { return add(triple(x[0], 3), triple(x[0].untaped(), 3)); }) >
        most_gradient_error);
}

TEST_CASE("the gradient checker rejects a gradient that overwrites where it should add") {
  CHECK(error_of([](const Tensors& x) {
          const Tensor first = triple(x[0], 3, true); // the last on the way back
          return add(first, triple(x[0], 3));
        }) > most_gradient_error);
}

TEST_CASE("the gradient checker rejects a gradient that is not finite") {
  CHECK(error_of([](const Tensors& x) { return triple(x[0], NAN); }) > most_gradient_error);
}
