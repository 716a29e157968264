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

// dx += dy w^T,  dw += x^T dy,  dbias += sum_b dy
static Tensor record_linear(const Tensor& x, const DenseLayer& layer, const Tensor& y) {
  return record("linear", {x, layer.w, layer.bias}, y, [x, layer](Tape& tape, const Tensor& dy) {
    Backend& backend = dy.backend();
    const Tensor rows = Backend::as_rows(dy);
    tape.into(x, [&](Out dx) {
      backend.conv1d_backward_input(1, layer.w, rows, {Backend::as_rows(dx.tensor), dx.add});
    });
    tape.into(layer.w,
              [&](Out dw) { backend.conv1d_backward_weight(1, Backend::as_rows(x), rows, dw); });
    tape.into(layer.bias, [&](Out db) { backend.sum_rows(1, rows, db); });
  });
}

std::vector<Tensor> linear(const Tensor& x, const std::vector<DenseLayer>& layers) {
  const Shape& s = x.shape();
  std::vector<Tensor> y;
  for (const auto& [w, bias] : layers) {
    const Shape& k = w.shape();
    require(s.rank() == 2 && k.rank() == 3 && k[0] == 1 && k[1] == s[1], "linear: x has shape ",
            s.text(), " and weight ", k.text(), ", expected [B, Ci] and [1, Ci, Co]");
    require(bias.shape() == Shape{k[2]}, "linear: bias has shape ", bias.shape().text(),
            ", expected [", k[2], "]");
    y.emplace_back(Shape{s[0], k[2]}, x.dtype(), x.backend());
  }
  x.backend().dense(x, layers, y);
  for (std::size_t i = 0; i < layers.size(); ++i) y[i] = record_linear(x, layers[i], y[i]);
  return y;
}

Tensor linear(const Tensor& x, const Tensor& w, const Tensor& bias) {
  return linear(x, {{w, bias}})[0];
}

} // namespace lookback
