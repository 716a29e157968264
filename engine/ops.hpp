// The operations of the network, each recorded on its inputs' tape. Shapes: B batch, L length, C
// channels. One op, four places: engine/ops/<op>.cpp (forward and gradient), engine/cpu/<op>.cpp,
// cuda/<op>.cu and its entry in tests/op_cases.hpp.
#pragma once

#include "engine/tape.hpp"

namespace lookback {

Tensor activate(Activation kind, const Tensor& x); // silu: x sigmoid(x); elu, relu, tanh as usual
Tensor add(const Tensor& a, const Tensor& b);
Tensor reshape(const Tensor& x, Shape shape); // the same values, no copy
Tensor scale_samples(const Tensor& factor,
                     const Tensor& x); // factor[B] (a constant) times x[B, ...]
Tensor squared_norm(const Tensor& x);  // [B, ...] -> [B]: sum of squares per sample
Tensor mean(const Tensor& x);          // -> [1]

// y = scale (w * x + bias + embedding + residual): x[B, L, Ci], w[K, Ci, Co] with K odd, zero
// "same" padding, cross-correlation as in PyTorch. See ConvEpilogue for the optional terms.
Tensor conv1d(const Tensor& x, const Tensor& w, const ConvEpilogue& epilogue = {});
Tensor linear(const Tensor& x, const Tensor& w,
              const Tensor& bias); // x[B, Ci], w[1, Ci, Co] -> [B, Co]
std::vector<Tensor> linear(const Tensor& x, const std::vector<DenseLayer>& layers); // of one x

// Group normalisation (Wu & He 2018) with biased variance, then an activation.
Tensor group_norm(const Tensor& x, const Tensor& gamma, const Tensor& beta, int groups,
                  double epsilon, Activation kind = Activation::none);

Tensor attention(const Tensor& qkv); // [B, L, 3C] -> [B, L, C], see Backend::attention

Tensor resample(const Resampling& filter, const Tensor& x,
                std::int64_t length);            // [B, L, C] -> [B, length, C]
Tensor concat(const Tensor& a, const Tensor& b); // along channels

Tensor fourier_features(const Tensor& t, const Tensor& w); // t[B], w[F] (frozen) -> [B, 2F]

} // namespace lookback
