#include "engine/ops.hpp"

namespace lookback {

// With p = softmax(q k^T / sqrt C), y = p v:  dv += p^T dy,  ds = p (dy v^T - <dy v^T>_p),
// dq += ds k / sqrt C,  dk += ds^T q / sqrt C.
Tensor attention(const Tensor& qkv) {
  const Shape& s = qkv.shape();
  require(s.rank() == 3 && s[2] % 3 == 0, "attention: input has shape ", s.text(),
          ", expected [B, L, 3C]");
  Tensor y({s[0], s[1], s[2] / 3}, qkv.dtype(), qkv.backend());
  qkv.backend().attention(qkv, y);
  return record("attention", {qkv}, y, [qkv](Tape& tape, const Tensor& dy) {
    tape.into(qkv, [&](Out dqkv) { qkv.backend().attention_backward(qkv, dy, dqkv); });
  });
}

} // namespace lookback
