// The network's parameters: one flat buffer, so that one kernel call serves the optimiser, the
// norm, the moving average and a checkpoint. Names and outside shapes are score_models' state_dict
// ones; inside, convolution weights are [K, Ci, Co] (there [Co, Ci, K]), dense ones [1, Ci, Co]
// (there [Co, Ci]).
#pragma once

#include "engine/tape.hpp"

#include <deque>
#include <span>
#include <string>
#include <vector>

namespace lookback::nn {

struct Init {
  enum Kind { constant, uniform, normal } kind = constant;
  double value = 0; // the constant, the bound of U(-a, a), or the standard deviation
};

class Params {
public:
  struct Entry {
    std::string name;
    std::vector<std::int64_t> extents; // outside shape
    Init init;
    std::int64_t offset; // in the flat buffer
    Shape shape;         // inside shape
    Tensor tensor;       // the part of the flat buffer, on a tape while a Recording lives
  };

  Params(Backend& backend, DType dtype) : backend_(&backend), dtype_(dtype) {}

  // Declares a parameter; the tensor returned is filled by allocate().
  const Tensor& declare(const std::string& name, std::vector<std::int64_t> extents, Init init);
  void allocate();
  void initialise(std::uint64_t seed);

  std::int64_t size() const { return size_; } // parameters
  // All of them in one block. Each begins at a multiple of 16 elements; 0 lies between.
  const Tensor& flat() const { return flat_; }
  const std::deque<Entry>& entries() const { return entries_; }

  // Values of one parameter in a flat tensor laid out as flat(), in score_models' order.
  std::vector<float> outside(const Entry& entry, const Tensor& flat) const;
  void set_from_outside(const Entry& entry, std::span<const float> values,
                        const Tensor& flat) const;

private:
  friend class Recording;
  Backend* backend_;
  DType dtype_;
  std::deque<Entry> entries_; // a deque: layers hold references to the tensors
  std::int64_t size_ = 0, flat_size_ = 0;
  Tensor flat_;
};

// While it lives, operations on the parameters are recorded on the tape and their gradients are
// added to `gradient` (laid out as Params::flat).
class Recording {
public:
  Recording(Params& params, Tape& tape, const Tensor& gradient);
  ~Recording();
  Recording(const Recording&) = delete;
  Recording& operator=(const Recording&) = delete;

private:
  Params& params_;
};

// Declares parameters under a prefix.
struct Scope {
  Params& params;
  std::string prefix;
  Scope operator/(const std::string& name) const { return {params, prefix + name + "."}; }
  const Tensor& declare(const std::string& name, std::vector<std::int64_t> extents,
                        Init init = {}) const {
    return params.declare(prefix + name, std::move(extents), init);
  }
};

} // namespace lookback::nn
