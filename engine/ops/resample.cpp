#include "engine/ops.hpp"

#include <algorithm>

namespace lookback {

static Resampling transposed(const Resampling& f) {
  Resampling t{f.taps, f.down, f.up, int(f.taps.size()) - 1 - f.offset};
  std::reverse(t.taps.begin(), t.taps.end());
  return t;
}

// dx += transpose of the filter applied to dy
Tensor resample(const Resampling& filter, const Tensor& x, std::int64_t length) {
  const Shape& s = x.shape();
  require(s.rank() == 3, "resample: x has shape ", s.text(), ", expected [B, L, C]");
  require(length > 0 && filter.up > 0 && filter.down > 0, "resample: length ", length, " from ",
          s[1], " by the factor ", filter.up, "/", filter.down, " is not possible");
  Tensor y({s[0], length, s[2]}, x.dtype(), x.backend());
  x.backend().resample(filter, x, {y, false});
  return record("resample", {x}, y, [filter, x](Tape& tape, const Tensor& dy) {
    tape.into(x, [&](Out dx) { x.backend().resample(transposed(filter), dy, dx); });
  });
}

} // namespace lookback
