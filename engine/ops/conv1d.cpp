#include "engine/ops.hpp"

namespace lookback {

// With dz = scale dy:  dx += dz * flipped w,  dw += x * dz,  dbias += sum_{b,l} dz,
// dembedding[b] += sum_l dz,  dresidual += dz.
Tensor conv1d(const Tensor& x, const Tensor& w, const ConvEpilogue& epilogue) {
  const Shape &s = x.shape(), &k = w.shape();
  require(s.rank() == 3, "conv1d: x has shape ", s.text(), ", expected [B, L, C]");
  require(k.rank() == 3 && k[0] % 2 == 1, "conv1d: weight has shape ", k.text(),
          ", expected [K odd, Ci, Co]");
  require(s[2] == k[1], "conv1d: x has ", s[2], " channels, weight expects ", k[1]);
  const Shape out{s[0], s[1], k[2]};
  const ConvEpilogue e = epilogue;
  require(!e.bias || e.bias.shape() == Shape{k[2]}, "conv1d: bias has shape ",
          e.bias.shape().text(), ", expected [", k[2], "]");
  require(!e.embedding || e.embedding.shape() == Shape{s[0], k[2]}, "conv1d: embedding has shape ",
          e.embedding.shape().text(), ", expected [", s[0], ", ", k[2], "]");
  require(!e.residual || e.residual.shape() == out, "conv1d: residual has shape ",
          e.residual.shape().text(), ", expected ", out.text());
  Tensor y(out, x.dtype(), x.backend());
  x.backend().conv1d(x, w, e, y);
  return record("conv1d", {x, w, e.bias, e.embedding, e.residual}, y,
                [x, w, e](Tape& tape, const Tensor& dy) {
                  Backend& backend = dy.backend();
                  tape.into(x, [&](Out dx) { backend.conv1d_backward_input(e.scale, w, dy, dx); });
                  tape.into(w, [&](Out dw) { backend.conv1d_backward_weight(e.scale, x, dy, dw); });
                  tape.into(e.bias, [&](Out db) { backend.sum_rows(e.scale, dy, db); });
                  tape.into(e.embedding, [&](Out de) { backend.sum_length(e.scale, dy, de); });
                  tape.into(e.residual, [&](Out dr) { backend.scale(e.scale, dy, dr); });
                });
}

Tensor linear(const Tensor& x, const Tensor& w, const Tensor& bias) {
  const Shape& s = x.shape();
  require(s.rank() == 2 && w.shape().rank() == 3 && w.shape()[0] == 1, "linear: x has shape ",
          s.text(), " and weight ", w.shape().text(), ", expected [B, Ci] and [1, Ci, Co]");
  ConvEpilogue epilogue;
  epilogue.bias = bias;
  return reshape(conv1d(reshape(x, {s[0], 1, s[1]}), w, epilogue), {s[0], w.shape()[2]});
}

} // namespace lookback
