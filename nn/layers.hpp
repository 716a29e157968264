// Layers: plain structs that declare their parameters under score_models' names and apply them.
#pragma once

#include "engine/ops.hpp"
#include "nn/params.hpp"

#include <optional>

namespace lookback::nn {

// U(-a, a) with a^2 = 3 scale / ((fan_in + fan_out) / 2), as score_models' default_init.
Init variance_scaling(double scale, std::int64_t in, std::int64_t out, std::int64_t taps = 1);

struct Conv1d {
  const Tensor &weight, &bias;
  Conv1d(const Scope& s, std::int64_t in, std::int64_t out, std::int64_t taps, Init init)
      : weight(s.declare("weight", {out, in, taps}, init)), bias(s.declare("bias", {out})) {}
  Tensor operator()(const Tensor& x, ConvEpilogue epilogue = {}) const; // [B, L, in] -> [B, L, out]
};

struct Dense {
  const Tensor &weight, &bias;
  Dense(const Scope& s, std::int64_t in, std::int64_t out)
      : weight(s.declare("weight", {out, in}, variance_scaling(1, in, out))),
        bias(s.declare("bias", {out})) {}
  Tensor operator()(const Tensor& x) const {
    return linear(x, weight, bias);
  } // [B, in] -> [B, out]
};

// min(C/4, 32) groups, epsilon 1e-6 (score_models' resnet_block_biggan), then the activation.
struct GroupNorm {
  const Tensor &weight, &bias;
  Activation activation;
  GroupNorm(const Scope& s, std::int64_t channels, Activation activation);
  Tensor operator()(const Tensor& x) const;
};

struct SelfAttention {
  Conv1d to_qkv, to_out;
  SelfAttention(const Scope& s, std::int64_t channels, double init_scale);
  Tensor operator()(const Tensor& x) const; // to_out(attention(to_qkv(x))) + x
};

// Halving and doubling of the length: FIR filter with the given taps, or (no taps) the mean of
// pairs and the nearest neighbour.
struct Resampler {
  std::vector<double> fir_taps;
  Tensor down(const Tensor& x) const;
  Tensor up(const Tensor& x) const;
};

// BigGAN residual block (Brock et al. 2019 as used by Song et al. 2021):
// h = conv_1(act(norm_1(conv_0(resample(act(norm_0(x)))) + dense_0(embedding)))); y = (skip +
// h)/sqrt 2, skip = conv_2(resample(x)) where the shape changes or the block resamples, else x.
struct ResBlock {
  enum class Mode { same, down, up };
  struct Options {
    Activation activation;
    Resampler resampler;
    bool skip_rescale;
    double init_scale;
    std::int64_t embedding;
  };

  Options options;
  Mode mode;
  GroupNorm norm_0;
  Conv1d conv_0;
  Dense dense_0;
  GroupNorm norm_1;
  Conv1d conv_1;
  std::optional<Conv1d> conv_2;

  ResBlock(const Scope& s, std::int64_t in, std::int64_t out, Mode mode, const Options& options);
  // x[B, L, in], shift[B, out] = dense_0(embedding) -> [B, L', out]
  Tensor operator()(const Tensor& x, const Tensor& shift) const;
};

} // namespace lookback::nn
