#include "engine/ops.hpp"

namespace lookback {

// With n = (x - mean) r, u = gamma n + beta, du = dy f'(u):  dbeta += sum du,  dgamma += sum du n,
// dx += r (dn - <dn> - n <dn n>), dn = gamma du, <> being the mean over the group.
Tensor group_norm(const Tensor& x, const Tensor& gamma, const Tensor& beta, int groups,
                  double epsilon, Activation kind) {
  const Shape& s = x.shape();
  require(s.rank() == 3, "group_norm: x has shape ", s.text(), ", expected [B, L, C]");
  require(groups > 0 && s[2] % groups == 0, "group_norm: ", s[2], " channels cannot be split into ",
          groups, " groups");
  require(gamma.shape() == Shape{s[2]} && beta.shape() == Shape{s[2]},
          "group_norm: scale and shift have shapes ", gamma.shape().text(), " and ",
          beta.shape().text(), ", expected [", s[2], "]");
  Tensor y = empty_like(x);
  Tensor statistics({s[0], groups, 2}, x.dtype(), x.backend());
  x.backend().group_norm(x, gamma, beta, epsilon, kind, y, statistics);
  return record("group_norm", {x, gamma, beta}, y, [=](Tape& tape, const Tensor& dy) {
    x.backend().group_norm_backward(x, gamma, beta, statistics, kind, dy, tape.place_of(x),
                                    tape.place_of(gamma), tape.place_of(beta));
  });
}

} // namespace lookback
