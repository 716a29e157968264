#include "engine/ops.hpp"

namespace lookback {

// y[b] = sum x[b]^2;   dx[b] += 2 dy[b] x[b]
Tensor squared_norm(const Tensor& x) {
  Tensor y({x.shape()[0]}, x.dtype(), x.backend());
  x.backend().squared_norm(x, y);
  return record("squared_norm", {x}, y, [x](Tape& tape, const Tensor& dy) {
    tape.into(x, [&](Out dx) { x.backend().squared_norm_backward(x, dy, dx); });
  });
}

// dx += dy / n
Tensor mean(const Tensor& x) {
  require(x.size() > 0, "mean: the tensor is empty");
  Tensor y({1}, x.dtype(), x.backend());
  x.backend().mean(x, y);
  return record("mean", {x}, y, [x](Tape& tape, const Tensor& dy) {
    tape.into(x, [&](Out dx) { x.backend().mean_backward(dy, dx); });
  });
}

} // namespace lookback
