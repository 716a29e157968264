#include "nn/layers.hpp"

#include <cmath>
#include <numeric>

namespace lookback::nn {

Init variance_scaling(double scale, std::int64_t in, std::int64_t out, std::int64_t taps) {
  const double fan_average = double(in * taps + out * taps) / 2;
  return {Init::uniform, std::sqrt(3 * (scale == 0 ? 1e-10 : scale) / fan_average)};
}

Tensor Conv1d::operator()(const Tensor& x, ConvEpilogue epilogue) const {
  epilogue.bias = bias;
  return conv1d(x, weight, epilogue);
}

static int groups_of(std::int64_t channels) {
  return int(std::min<std::int64_t>(channels / 4, 32));
}

GroupNorm::GroupNorm(const Scope& s, std::int64_t channels, Activation activation)
    : weight(s.declare("weight", {channels}, {Init::constant, 1})),
      bias(s.declare("bias", {channels})), activation(activation) {
  const int groups = groups_of(channels);
  require(groups > 0 && channels % groups == 0, "group norm ", s.prefix, " has ", channels,
          " channels, which cannot be split into ", groups,
          " groups; choose nf as a multiple of 8");
}

Tensor GroupNorm::operator()(const Tensor& x) const {
  return group_norm(x, weight, bias, groups_of(weight.size()), 1e-6, activation);
}

SelfAttention::SelfAttention(const Scope& s, std::int64_t channels, double init_scale)
    : to_qkv(s / "to_qkv", channels, 3 * channels, 1,
             {Init::uniform, 1 / std::sqrt(double(channels))}),
      to_out(s / "to_out", channels, channels, 1,
             {Init::uniform, init_scale / std::sqrt(double(channels))}) {}

Tensor SelfAttention::operator()(const Tensor& x) const {
  ConvEpilogue skip;
  skip.residual = x;
  return to_out(attention(to_qkv(x)), skip);
}

// Padding as in score_models' up_or_downsampling1d, where the filter is a true convolution.
Tensor Resampler::down(const Tensor& x) const {
  const std::int64_t length = x.shape()[1];
  if (fir_taps.empty()) return resample({{0.5, 0.5}, 1, 2, 0}, x, length / 2);
  const double sum = std::accumulate(fir_taps.begin(), fir_taps.end(), 0.0);
  const int taps = int(fir_taps.size()), before = (taps - 1) / 2, after = (taps - 2) / 2;
  Resampling filter{{fir_taps.rbegin(), fir_taps.rend()}, 1, 2, before};
  for (double& h : filter.taps) h /= sum;
  return resample(filter, x, (length + before + after - taps) / 2 + 1);
}

Tensor Resampler::up(const Tensor& x) const {
  const std::int64_t length = x.shape()[1];
  if (fir_taps.empty()) return resample({{1, 1}, 2, 1, 1}, x, 2 * length);
  const double sum = std::accumulate(fir_taps.begin(), fir_taps.end(), 0.0);
  const int taps = int(fir_taps.size()), before = (taps - 1) / 2 + 1, after = (taps - 2) / 2;
  Resampling filter{{fir_taps.rbegin(), fir_taps.rend()}, 2, 1, before};
  for (double& h : filter.taps) h *= 2 / sum;
  return resample(filter, x, 2 * length + before + after - taps + 1);
}

ResBlock::ResBlock(const Scope& s, std::int64_t in, std::int64_t out, Mode mode,
                   const Options& options)
    : options(options), mode(mode), norm_0(s / "GroupNorm_0", in, options.activation),
      conv_0(s / "Conv_0" / "conv", in, out, 3, variance_scaling(1, in, out, 3)),
      dense_0(s / "Dense_0", options.embedding, out),
      norm_1(s / "GroupNorm_1", out, options.activation),
      conv_1(s / "Conv_1" / "conv", out, out, 3,
             variance_scaling(options.init_scale, out, out, 3)) {
  if (in != out || mode != Mode::same)
    conv_2.emplace(s / "Conv_2" / "conv", in, out, 1, variance_scaling(1, in, out));
}

Tensor ResBlock::operator()(const Tensor& x, const Tensor& shift) const {
  const auto resampled = [&](const Tensor& v) {
    return mode == Mode::same ? v
           : mode == Mode::up ? options.resampler.up(v)
                              : options.resampler.down(v);
  };
  ConvEpilogue add_shift;
  add_shift.embedding = shift;
  const Tensor h = norm_1(conv_0(resampled(norm_0(x)), add_shift));
  const Tensor skip = resampled(x);
  ConvEpilogue add_skip;
  add_skip.residual = conv_2 ? (*conv_2)(skip) : skip;
  add_skip.scale = options.skip_rescale ? 1 / 1.41421356237 : 1; // the constant of score_models
  return conv_1(h, add_skip);
}

} // namespace lookback::nn
