#include "engine/ops.hpp"

namespace lookback {

// da += the first channels of dy, db += the rest
Tensor concat(const Tensor& a, const Tensor& b) {
  const Shape &s = a.shape(), &t = b.shape();
  require(s.rank() == 3 && t.rank() == 3 && s[0] == t[0] && s[1] == t[1], "concat: shapes ",
          s.text(), " and ", t.text(), " differ in more than channels");
  Tensor y({s[0], s[1], s[2] + t[2]}, a.dtype(), a.backend());
  Backend& backend = a.backend();
  backend.copy_channels(a, 0, {y, false}, 0, s[2]);
  backend.copy_channels(b, 0, {y, false}, s[2], t[2]);
  return record("concat", {a, b}, y, [a, b](Tape& tape, const Tensor& dy) {
    const std::int64_t na = a.shape()[2], nb = b.shape()[2];
    tape.into(a, [&](Out da) { dy.backend().copy_channels(dy, 0, da, 0, na); });
    tape.into(b, [&](Out db) { dy.backend().copy_channels(dy, na, db, 0, nb); });
  });
}

} // namespace lookback
