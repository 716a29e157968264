#include "nn/ncsnpp.hpp"

#include "engine/parallel.hpp"

#include <algorithm>

namespace lookback::nn {
namespace {

Activation activation_named(const std::string& name) {
  if (name == "swish" || name == "silu") return Activation::silu;
  if (name == "relu") return Activation::relu;
  if (name == "elu") return Activation::elu;
  if (name == "tanh") return Activation::tanh;
  fail("activation_type ", name, " is unknown; expected swish, silu, relu, elu or tanh");
}

void check(const NcsnppConfig& c) {
  require(c.channels > 0 && c.channels <= 4096 && c.nf > 0 && c.nf <= 4096 && c.nf % 2 == 0,
          "network: channels ", c.channels, " and nf ", c.nf,
          " are not possible; expected 1 to 4096, nf even");
  require(!c.ch_mult.empty() && c.ch_mult.size() < 16 && c.num_res_blocks > 0 &&
              c.num_res_blocks <= 64,
          "network: ch_mult needs 1 to 15 entries and num_res_blocks 1 to 64");
  for (int m : c.ch_mult)
    require(m > 0 && m <= 64, "network: ch_mult holds ", m, "; expected 1 to 64");
  require(c.progressive == "output_skip" || c.progressive == "none", "progressive ", c.progressive,
          " is not supported; expected output_skip or none");
  require(c.progressive_input == "input_skip" || c.progressive_input == "none",
          "progressive_input ", c.progressive_input,
          " is not supported; expected input_skip or none");
  require(c.combine_method == "sum" || c.combine_method == "cat", "combine_method ",
          c.combine_method, " is unknown; expected sum or cat");
  require(!c.fir || c.fir_kernel.size() >= 2, "fir_kernel needs at least 2 taps");
}

} // namespace

Ncsnpp::Ncsnpp(const NcsnppConfig& config, Backend& backend, DType dtype)
    : config_(config), params_(backend, dtype),
      activation_(activation_named(config.activation_type)) {
  check(config);
  const NcsnppConfig& c = config_;
  if (c.fir) resampler_.fir_taps = c.fir_kernel;
  const Scope root{params_, "all_modules."};
  int index = 0;
  const auto next = [&] { return root / std::to_string(index++); };
  const std::int64_t nf = c.nf, embedding = 4 * nf;
  const ResBlock::Options options{activation_, resampler_, c.skip_rescale, c.init_scale, embedding};
  const auto block = [&](std::int64_t in, std::int64_t out,
                         ResBlock::Mode mode = ResBlock::Mode::same) {
    return ResBlock(next(), in, out, mode, options);
  };
  const auto conv3 = [&](std::int64_t in, std::int64_t out, double init_scale) {
    return Conv1d(next() / "conv", in, out, 3, variance_scaling(init_scale, in, out, 3));
  };

  fourier_w_ = &next().declare("W", {nf / 2}, {Init::normal, c.fourier_scale});
  time_0_.emplace(next(), nf, embedding);
  time_1_.emplace(next(), embedding, embedding);
  first_.emplace(conv3(c.channels, nf, 1));

  std::vector<std::int64_t> skips = {nf};
  std::int64_t width = nf;
  for (std::size_t level = 0; level < c.ch_mult.size(); ++level) {
    DownLevel& d = down_levels_.emplace_back();
    for (int i = 0; i < c.num_res_blocks; ++i) {
      d.blocks.push_back(block(width, nf * c.ch_mult[level]));
      width = nf * c.ch_mult[level];
      skips.push_back(width);
    }
    if (level + 1 == c.ch_mult.size()) continue;
    d.down.emplace(block(width, width, ResBlock::Mode::down));
    if (c.progressive_input == "input_skip") {
      const bool cat = c.combine_method == "cat";
      const Init init = variance_scaling(1, c.channels, width);
      d.combine.emplace(
          Combine{Conv1d(next() / "Conv_0" / "conv", c.channels, width, 1, init), cat});
      if (cat) width *= 2;
    }
    skips.push_back(width);
  }

  middle_0_.emplace(block(width, width));
  if (c.attention) attention_.emplace(next(), width, c.init_scale);
  middle_1_.emplace(block(width, width));

  for (std::size_t level = c.ch_mult.size(); level-- > 0;) {
    UpLevel& u = up_levels_.emplace_back();
    for (int i = 0; i <= c.num_res_blocks; ++i) {
      u.blocks.push_back(block(width + skips.back(), nf * c.ch_mult[level]));
      width = nf * c.ch_mult[level];
      skips.pop_back();
    }
    if (c.progressive == "output_skip") {
      u.pyramid_norm.emplace(next(), width, activation_);
      u.pyramid_conv.emplace(conv3(width, c.channels, c.init_scale));
    }
    if (level > 0) u.up.emplace(block(width, width, ResBlock::Mode::up));
  }
  if (c.progressive != "output_skip") {
    last_norm_.emplace(next(), width, activation_);
    last_conv_.emplace(conv3(width, c.channels, 1));
  }
  const std::int64_t most = std::int64_t(1) << 31;
  require(params_.size() < most, "network: ", params_.size(),
          " parameters are too many; choose a smaller nf or ch_mult");
  params_.allocate();
}

Tensor Ncsnpp::Combine::operator()(const Tensor& pyramid, const Tensor& h) const {
  if (cat) return concat(conv_0(pyramid), h);
  ConvEpilogue sum;
  sum.residual = h;
  return conv_0(pyramid, sum);
}

Tensor Ncsnpp::operator()(const Tensor& t, const Tensor& x) const {
  const Shape& s = x.shape();
  require(s.rank() == 3 && s[2] == config_.channels, "network: x has shape ", s.text(),
          ", expected [B, L, ", config_.channels, "]");
  require(s[1] > 0 && s[1] % config_.length_divisor() == 0, "network: length ", s[1],
          " is not a multiple of ", config_.length_divisor(), ", which ch_mult asks for");
  require(t.shape() == Shape{s[0]}, "network: t has shape ", t.shape().text(), ", expected [", s[0],
          "]");

  const std::int64_t batch = s[0], per_sample = s[1] * s[2];
  const bool recorded = tape_of(x) || tape_of(*fourier_w_);
  if (recorded || batch < 2 || x.backend().device() != Device::cpu) return evaluate(t, x);
  // Pieces whose activations stay in a core's cache; threads wait for each other once, not between
  // any two operations.
  const std::int64_t piece = std::clamp<std::int64_t>(batch / threads(), 1, 32);
  Tensor y = empty_like(x);
  parallel_for((batch + piece - 1) / piece, [&](std::int64_t i) {
    const std::int64_t first = i * piece, n = std::min(piece, batch - first);
    const Shape part{n, s[1], s[2]};
    const Tensor result = evaluate(t.part(first, {n}), x.part(first * per_sample, part));
    x.backend().copy(result, y.part(first * per_sample, part));
  });
  return y;
}

template <class F> void Ncsnpp::for_each_block(F&& f) const {
  for (const DownLevel& level : down_levels_) {
    for (const ResBlock& block : level.blocks) f(block);
    if (level.down) f(*level.down);
  }
  f(*middle_0_), f(*middle_1_);
  for (const UpLevel& level : up_levels_) {
    for (const ResBlock& block : level.blocks) f(block);
    if (level.up) f(*level.up);
  }
}

Tensor Ncsnpp::evaluate(const Tensor& t, const Tensor& x) const {
  const Tensor hidden = activate(activation_, (*time_0_)(fourier_features(t, *fourier_w_)));
  const Tensor embedding = activate(activation_, (*time_1_)(hidden));
  std::vector<DenseLayer> layers;
  for_each_block([&](const ResBlock& b) { layers.push_back({b.dense_0.weight, b.dense_0.bias}); });
  const std::vector<Tensor> shifts = linear(embedding, layers);
  auto shift = shifts.begin(); // of the next block

  Tensor pyramid = x;
  std::vector<Tensor> skips = {(*first_)(x)};
  for (const DownLevel& level : down_levels_) {
    for (const ResBlock& block : level.blocks) skips.push_back(block(skips.back(), *shift++));
    if (!level.down) continue;
    Tensor h = (*level.down)(skips.back(), *shift++);
    if (level.combine) {
      pyramid = resampler_.down(pyramid);
      h = (*level.combine)(pyramid, h);
    }
    skips.push_back(h);
  }

  Tensor h = (*middle_0_)(skips.back(), *shift++);
  if (attention_) h = (*attention_)(h);
  h = (*middle_1_)(h, *shift++);

  Tensor output; // the output pyramid, grown from the deepest level
  for (const UpLevel& level : up_levels_) {
    for (const ResBlock& block : level.blocks) {
      h = block(concat(h, skips.back()), *shift++);
      skips.pop_back();
    }
    if (level.pyramid_conv) {
      ConvEpilogue sum;
      if (output) sum.residual = resampler_.up(output);
      output = (*level.pyramid_conv)((*level.pyramid_norm)(h), sum);
    }
    if (level.up) h = (*level.up)(h, *shift++);
  }
  return last_conv_ ? (*last_conv_)((*last_norm_)(h)) : output;
}

} // namespace lookback::nn
