#include "engine/ops.hpp"

#include <doctest/doctest.h>

#include <memory>

using namespace lookback;

namespace {

using Values = std::vector<double>;

Tensor vector_of(const Values& values) {
  return Tensor::from<double>({std::int64_t(values.size())}, values, cpu_backend());
}

} // namespace

TEST_CASE("a tensor used twice receives both gradients") {
  Tape tape;
  const Tensor x = tape.variable(vector_of({1, 2, 3}));
  tape.backward(add(x, activate(Activation::relu, x)), vector_of({1, 10, 100}));
  CHECK(tape.gradient(x).values<double>() == Values{2, 20, 200});
}

TEST_CASE("a graph 300 shared nodes deep takes 300 steps back") {
  Tape tape;
  const Tensor x = tape.variable(vector_of({1}));
  Tensor y = x;
  for (int depth = 0; depth < 300; ++depth) y = add(y, y);
  CHECK(tape.size() == 301);
  tape.backward(y);
  CHECK(tape.gradient(x).values<double>() == Values{0x1p300});
}

TEST_CASE("the gradient of a leaf that the result does not depend on is zero") {
  Tape tape;
  const Tensor x = tape.variable(vector_of({1, 2})), other = tape.variable(vector_of({3, 4}));
  tape.backward(x, vector_of({1, 1}));
  CHECK(tape.gradient(other).values<double>() == Values{0, 0});
}

TEST_CASE("operations on tensors that no tape knows are not recorded") {
  Tape tape;
  const Tensor x = vector_of({1, 2});
  const Tensor y = add(x, x);
  CHECK(tape_of(y) == nullptr);
  const Tensor z = add(tape.variable(x).untaped(), y);
  CHECK(tape_of(z) == nullptr);
  CHECK(tape.size() == 1);
}

TEST_CASE("a gradient with a place of its own is added there") {
  Tape tape;
  const Tensor place = vector_of({5, 6});
  const Tensor x = tape.variable(vector_of({1, 2}), place);
  tape.backward(add(x, x), vector_of({1, 10}));
  CHECK(place.values<double>() == Values{7, 26});
}

TEST_CASE("inputs on two tapes are refused") {
  Tape one, two;
  const Tensor x = one.variable(vector_of({1})), y = two.variable(vector_of({1}));
  CHECK_THROWS_WITH_AS(add(x, y), "add: the inputs are recorded on two different tapes", Error);
}

TEST_CASE("backward refuses a result of another tape and a cotangent of another shape") {
  Tape tape, other;
  const Tensor x = tape.variable(vector_of({1, 2}));
  const Tensor y = add(x, x);
  CHECK_THROWS_WITH_AS(other.backward(y, y), "backward: the result was not recorded on this tape",
                       Error);
  CHECK_THROWS_WITH_AS(other.gradient(x), "gradient: the tensor was not recorded on this tape",
                       Error);
  CHECK_THROWS_WITH_AS(tape.backward(y), "backward: a cotangent of shape [2] is needed", Error);
  CHECK_THROWS_AS(tape.backward(y, vector_of({1, 2, 3})), Error);
}

TEST_CASE("backward releases what the closures hold") {
  Tape tape;
  const Tensor x = tape.variable(vector_of({1}));
  auto held = std::make_shared<int>(1);
  const std::weak_ptr<int> watch = held;
  Tensor y = record("hold", {x}, vector_of({1}), [x, held](Tape& t, const Tensor& dy) {
    t.into(x, [&](Out dx) { dy.backend().scale(1, dy, dx); });
  });
  held.reset();
  CHECK(!watch.expired());
  tape.backward(y);
  CHECK(watch.expired());
}

TEST_CASE("a step of fixed shapes asks the system for no memory from its third turn on") {
  Backend& backend = cpu_backend();
  const Tensor weight = Tensor::from<float>({3, 2, 2}, std::vector<float>(12, 0.5f), backend);
  const Tensor scale = Tensor::from<float>({2}, std::vector<float>(2, 1.f), backend);
  auto step = [&] {
    Tape tape;
    Tensor x({4, 16, 2}, DType::f32, backend);
    backend.normal({}, x);
    const Tensor w = tape.variable(weight);
    const Tensor h = group_norm(conv1d(x, w), scale, scale, 1, 1e-6, Activation::silu);
    tape.backward(mean(squared_norm(h)));
    return tape.gradient(w);
  };
  step();
  step();
  const std::int64_t before = backend.system_allocations();
  for (int turn = 0; turn < 5; ++turn) step();
  CHECK(backend.system_allocations() == before);
}

TEST_CASE("a tape is walked once, and only variables keep their gradient") {
  lookback::Tensor x({2}, lookback::DType::f64, lookback::cpu_backend());
  x.backend().fill(x, 3);
  lookback::Tape tape;
  const lookback::Tensor v = tape.variable(x), y = lookback::mean(v);
  tape.backward(y);
  CHECK(tape.gradient(v).values<double>() == std::vector<double>{0.5, 0.5});
  CHECK_THROWS_AS(tape.gradient(y), lookback::Error);
  CHECK_THROWS_AS(tape.backward(y), lookback::Error);
}

TEST_CASE("a variable that is itself the result adds the cotangent to its gradient") {
  lookback::Tensor x({1}, lookback::DType::f64, lookback::cpu_backend()),
      gradient = lookback::empty_like(x);
  x.backend().fill(x, 3);
  x.backend().fill(gradient, 2);
  lookback::Tape tape;
  tape.backward(tape.variable(x, gradient));
  CHECK(gradient.values<double>() == std::vector<double>{3});
}
