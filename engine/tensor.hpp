// Tensors: contiguous row-major blocks of float32 or float64 on one device. No strides, no views.
// Signals are [B, L, C] (batch, length, channels last): a 1-d convolution then reads whole rows.
#pragma once

#include "engine/error.hpp"

#include <array>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace lookback {

class Backend;
class Tape;

enum class DType { f32, f64 };
enum class Device { cpu, cuda };

inline std::size_t size_of(DType type) {
  return type == DType::f32 ? 4 : 8;
}
template <class T> constexpr DType dtype_of = sizeof(T) == 4 ? DType::f32 : DType::f64;
const char* name_of(Device device);

class Shape {
public:
  Shape() = default;
  Shape(std::initializer_list<std::int64_t> dims);
  int rank() const { return rank_; }
  std::int64_t operator[](int axis) const { return dims_[axis]; }
  std::int64_t size() const;
  std::string text() const; // "[2, 64, 8]"
  bool operator==(const Shape&) const = default;

private:
  std::array<std::int64_t, 4> dims_{};
  int rank_ = 0;
};

// A handle: copies share the values. It knows the tape that records it, or none.
class Tensor {
public:
  Tensor() = default;
  Tensor(Shape shape, DType dtype, Backend& backend); // values are not initialised
  template <class T> static Tensor from(Shape shape, std::span<const T> values, Backend& backend);

  const Shape& shape() const { return shape_; }
  std::int64_t size() const { return shape_.size(); }
  DType dtype() const { return dtype_; }
  Backend& backend() const { return *backend_; }
  explicit operator bool() const { return storage_ != nullptr; }
  template <class T> T* data() const { return static_cast<T*>(storage_.get()); }

  Tensor untaped() const;             // the same values, known to no tape
  Tensor reshaped(Shape shape) const; // the same values under another shape of the same size
  Tensor part(std::int64_t first,
              Shape shape) const;                   // `shape` consecutive elements from `first` on
  template <class T> std::vector<T> values() const; // copied to the host; T must match the dtype
  std::vector<double> numbers() const;              // the same, as float64 whatever the dtype

private:
  friend class Tape;
  friend Tape* tape_of(const Tensor& x);
  Shape shape_;
  DType dtype_ = DType::f32;
  Backend* backend_ = nullptr;
  std::shared_ptr<void> storage_;
  Tape* tape_ = nullptr;
  int node_ = -1;
};

inline Tape* tape_of(const Tensor& x) {
  return x.tape_;
}
Tensor empty_like(const Tensor& x);

// Calls f with a value of the C++ type that the dtype stands for.
template <class F> void visit(DType type, F&& f) {
  type == DType::f32 ? f(float{}) : f(double{});
}

} // namespace lookback
