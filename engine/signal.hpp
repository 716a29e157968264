// [B, L, C] read off a tensor of any rank: leading axis, what lies between, last axis.
#pragma once

#include "engine/tensor.hpp"

namespace lookback {

struct Signal {
  std::int64_t batch, length, channels;
  explicit Signal(const Tensor& x) {
    const Shape& s = x.shape();
    batch = s.rank() ? s[0] : 1;
    channels = s.rank() > 1 ? s[s.rank() - 1] : 1;
    length = x.size() > 0 ? x.size() / (batch * channels) : 0;
  }
  std::int64_t rows() const { return batch * length; }
};

} // namespace lookback
