// Reverse-mode differentiation. A tape is the list of operations in the order they ran; backward
// walks it once from the end. Operations on tensors that no tape knows are not recorded.
#pragma once

#include "engine/backend.hpp"

#include <functional>
#include <initializer_list>
#include <utility>
#include <vector>

namespace lookback {

class Tape {
public:
  using Backward = std::function<void(Tape&, const Tensor& dy)>;

  Tape() = default;
  Tape(const Tape&) = delete;
  Tape& operator=(const Tape&) = delete;

  // x as a leaf whose gradient is wanted. With `gradient`, it is added there; otherwise it is made.
  Tensor variable(Tensor x, Tensor gradient = {});

  // Back from y with cotangent dy (default: 1, y being one number). A tape serves one call:
  // closures and the values they hold are released on the way.
  void backward(const Tensor& y, const Tensor& dy = {});

  // The gradient of a leaf after backward; zeros where y does not depend on it. Errors: not a leaf.
  Tensor gradient(const Tensor& leaf);

  // For ops: gives `write` the place of x's gradient; does nothing where nobody wants it.
  template <class F> void into(const Tensor& x, F&& write) {
    if (Out place = place_of(x); place.tensor) write(place);
  }
  // As into, for a fused op that writes several gradients at once; the tensor is empty if unwanted.
  Out place_of(const Tensor& x);

  std::size_t size() const { return nodes_.size(); }
  const char* name(std::size_t i) const { return nodes_[i].name; }

private:
  friend Tensor record(const char*, std::initializer_list<Tensor>, Tensor, Backward);
  struct Node {
    const char* name;
    Backward backward;
    Shape shape;
    Tensor gradient;
    bool written = false;
    bool leaf = true;
  };
  std::vector<Node> nodes_;
  bool walked_ = false;
};

// Records y = op(inputs) on the inputs' tape, if they have one, and returns y knowing it.
Tensor record(const char* name, std::initializer_list<Tensor> inputs, Tensor y,
              Tape::Backward backward);

} // namespace lookback
