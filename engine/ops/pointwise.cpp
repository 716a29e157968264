#include "engine/ops.hpp"

namespace lookback {

// dx += dy f'(x)
Tensor activate(Activation kind, const Tensor& x) {
  if (kind == Activation::none) return x;
  Tensor y = empty_like(x);
  x.backend().activate(kind, x, y);
  return record("activate", {x}, y, [kind, x](Tape& tape, const Tensor& dy) {
    tape.into(x, [&](Out dx) { x.backend().activate_backward(kind, x, dy, dx); });
  });
}

// da += dy, db += dy
Tensor add(const Tensor& a, const Tensor& b) {
  require(a.shape() == b.shape(), "add: shapes ", a.shape().text(), " and ", b.shape().text(),
          " differ");
  Tensor y = empty_like(a);
  Backend& backend = a.backend();
  backend.scale(1, a, {y, false});
  backend.scale(1, b, {y, true});
  return record("add", {a, b}, y, [a, b](Tape& tape, const Tensor& dy) {
    tape.into(a, [&](Out da) { dy.backend().scale(1, dy, da); });
    tape.into(b, [&](Out db) { dy.backend().scale(1, dy, db); });
  });
}

// dx += dy under x's shape
Tensor reshape(const Tensor& x, Shape shape) {
  return record("reshape", {x}, x.untaped().reshaped(shape), [x](Tape& tape, const Tensor& dy) {
    tape.into(x, [&](Out dx) { dy.backend().scale(1, dy.reshaped(x.shape()), dx); });
  });
}

// dx += factor dy
Tensor scale_samples(const Tensor& factor, const Tensor& x) {
  require(factor.shape() == Shape{x.shape()[0]}, "scale_samples: factor has shape ",
          factor.shape().text(), ", x has ", x.shape()[0], " samples");
  Tensor y = empty_like(x);
  x.backend().scale_samples(factor, x, {y, false});
  return record("scale_samples", {x}, y, [factor, x](Tape& tape, const Tensor& dy) {
    tape.into(x, [&](Out dx) { dy.backend().scale_samples(factor, dy, dx); });
  });
}

} // namespace lookback
