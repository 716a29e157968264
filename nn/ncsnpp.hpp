// NCSN++ (Song et al. 2021, ICLR, arXiv:2011.13456) in one dimension, exactly as the Python package
// score_models 0.5.11 builds it: the same modules in the same order under the same state_dict
// names.
#pragma once

#include "nn/layers.hpp"

namespace lookback::nn {

// Names and defaults of score_models.NCSNpp.
struct NcsnppConfig {
  int channels = 1;
  int nf = 128;
  std::vector<int> ch_mult = {2, 2, 2, 2};
  int num_res_blocks = 2;
  std::string activation_type = "swish"; // swish or silu, relu, elu, tanh
  bool fir = true;
  std::vector<double> fir_kernel = {1, 3, 3, 1};
  bool skip_rescale = true;
  std::string progressive = "output_skip";      // or none
  std::string progressive_input = "input_skip"; // or none
  double init_scale = 1e-2;
  double fourier_scale = 16;
  std::string combine_method = "sum"; // or cat
  bool attention = true;
  bool preconditioned = false; // ours: see nn/score_matching.hpp

  std::int64_t length_divisor() const { return std::int64_t(1) << (ch_mult.size() - 1); }
};

class Ncsnpp {
public:
  Ncsnpp(const NcsnppConfig& config, Backend& backend, DType dtype = DType::f32);
  Ncsnpp(const Ncsnpp&) = delete;
  Ncsnpp& operator=(const Ncsnpp&) = delete;

  // t[B] in [0, T], x[B, L, channels] -> [B, L, channels]. L must be a multiple of
  // length_divisor(). Without a tape the CPU takes a few samples at a time on every thread; a
  // sample's result does not depend on the others.
  Tensor operator()(const Tensor& t, const Tensor& x) const;

  const NcsnppConfig& config() const { return config_; }
  Params& params() { return params_; }
  const Params& params() const { return params_; }

private:
  Tensor evaluate(const Tensor& t, const Tensor& x) const;
  template <class F> void for_each_block(F&& f) const; // in the order of evaluate
  // 1x1 convolution of the input pyramid, added to the features or set beside them.
  struct Combine {
    Conv1d conv_0;
    bool cat;
    Tensor operator()(const Tensor& pyramid, const Tensor& h) const;
  };
  struct DownLevel {
    std::vector<ResBlock> blocks;
    std::optional<ResBlock> down; // none at the last level
    std::optional<Combine> combine;
  };
  struct UpLevel {
    std::vector<ResBlock> blocks;
    std::optional<GroupNorm> pyramid_norm;
    std::optional<Conv1d> pyramid_conv;
    std::optional<ResBlock> up; // none at the first level
  };

  NcsnppConfig config_;
  Params params_;
  Activation activation_;
  Resampler resampler_;
  const Tensor* fourier_w_;
  std::optional<Dense> time_0_, time_1_;
  std::optional<Conv1d> first_;
  std::vector<DownLevel> down_levels_;
  std::optional<ResBlock> middle_0_, middle_1_;
  std::optional<SelfAttention> attention_;
  std::vector<UpLevel> up_levels_; // deepest first
  std::optional<GroupNorm> last_norm_;
  std::optional<Conv1d> last_conv_;
};

} // namespace lookback::nn
