#include "engine/ops.hpp"

namespace lookback {

// With p = 2 pi t w:  dt[b] += sum_f 2 pi w[f] (dy_sin cos p - dy_cos sin p)
Tensor fourier_features(const Tensor& t, const Tensor& w) {
  require(t.shape().rank() == 1 && w.shape().rank() == 1, "fourier_features: t and w have shapes ",
          t.shape().text(), " and ", w.shape().text(), ", expected [B] and [F]");
  Tensor y({t.size(), 2 * w.size()}, t.dtype(), t.backend());
  t.backend().fourier_features(t, w, y);
  return record("fourier_features", {t}, y, [t, w](Tape& tape, const Tensor& dy) {
    tape.into(t, [&](Out dt) { t.backend().fourier_features_backward(t, w, dy, dt); });
  });
}

} // namespace lookback
