#include "engine/tape.hpp"

namespace lookback {

Tensor Tape::variable(Tensor x, Tensor gradient) {
  x.tape_ = this;
  x.node_ = int(nodes_.size());
  const bool written = bool(gradient);
  nodes_.push_back({"variable", nullptr, x.shape(), std::move(gradient), written});
  return x;
}

Out Tape::place_of(const Tensor& x) {
  if (x.tape_ != this) return {};
  Node& node = nodes_[x.node_];
  if (!node.gradient) node.gradient = Tensor(x.shape(), x.dtype(), x.backend());
  const bool add = std::exchange(node.written, true);
  return {node.gradient, add};
}

void Tape::backward(const Tensor& y, const Tensor& dy) {
  require(y.tape_ == this, "backward: the result was not recorded on this tape");
  require(dy ? dy.shape() == y.shape() && dy.dtype() == y.dtype() : y.size() == 1,
          "backward: a cotangent of shape ", y.shape().text(), " is needed");
  require(!walked_, "backward: the tape has been walked already; it serves one call");
  walked_ = true;
  Tensor seed = dy;
  if (!seed) {
    seed = empty_like(y);
    seed.backend().fill(seed, 1);
  }
  seed.backend().scale(1, seed, place_of(y));
  for (int i = y.node_; i >= 0; --i) {
    Node& node = nodes_[i];
    if (!node.backward) continue;
    if (node.written) node.backward(*this, node.gradient);
    node.backward = nullptr;
    node.gradient = {};
  }
}

Tensor Tape::gradient(const Tensor& leaf) {
  require(leaf.tape_ == this, "gradient: the tensor was not recorded on this tape");
  require(nodes_[leaf.node_].leaf,
          "gradient: only variables keep their gradient, not results of ops");
  Out place = place_of(leaf);
  if (!place.add) place.tensor.backend().fill(place.tensor, 0);
  return place.tensor;
}

Tensor record(const char* name, std::initializer_list<Tensor> inputs, Tensor y,
              Tape::Backward backward) {
  Tape* tape = nullptr;
  for (const Tensor& x : inputs) {
    if (!tape_of(x)) continue;
    require(!tape || tape == tape_of(x), name, ": the inputs are recorded on two different tapes");
    tape = tape_of(x);
  }
  if (!tape) return y;
  y = tape->variable(std::move(y));
  tape->nodes_.back().name = name;
  tape->nodes_.back().backward = std::move(backward);
  tape->nodes_.back().leaf = false;
  return y;
}

} // namespace lookback
