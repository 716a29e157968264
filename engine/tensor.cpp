#include "engine/tensor.hpp"

#include "engine/backend.hpp"

namespace lookback {

const char* name_of(Device device) {
  return device == Device::cpu ? "cpu" : "cuda";
}

Shape::Shape(std::initializer_list<std::int64_t> dims) {
  require(dims.size() <= dims_.size(), "shape: ", dims.size(), " dimensions given, at most ",
          dims_.size(), " are supported");
  for (std::int64_t dim : dims) {
    require(dim >= 0, "shape: dimension ", dim, " is negative");
    dims_[rank_++] = dim;
  }
}

std::int64_t Shape::size() const {
  std::int64_t n = 1;
  for (int i = 0; i < rank_; ++i) n *= dims_[i];
  return n;
}

std::string Shape::text() const {
  std::string s = "[";
  for (int i = 0; i < rank_; ++i) s += (i ? ", " : "") + std::to_string(dims_[i]);
  return s + "]";
}

Tensor::Tensor(Shape shape, DType dtype, Backend& backend)
    : shape_(shape), dtype_(dtype), backend_(&backend),
      storage_(backend.allocate(std::size_t(shape.size()) * size_of(dtype))) {}

template <class T> Tensor Tensor::from(Shape shape, std::span<const T> values, Backend& backend) {
  require(std::int64_t(values.size()) == shape.size(), "tensor: ", values.size(),
          " values given, shape ", shape.text(), " needs ", shape.size());
  Tensor x(shape, dtype_of<T>, backend);
  backend.upload(values.data(), x);
  return x;
}

Tensor Tensor::untaped() const {
  Tensor x = *this;
  x.tape_ = nullptr;
  x.node_ = -1;
  return x;
}

Tensor Tensor::reshaped(Shape shape) const {
  require(shape.size() == size(), "reshaped: ", shape_.text(), " cannot become ", shape.text());
  Tensor x = *this;
  x.shape_ = shape;
  return x;
}

Tensor Tensor::part(std::int64_t first, Shape shape) const {
  require(first >= 0 && first + shape.size() <= size(), "part: elements ", first, " to ",
          first + shape.size(), " asked of a tensor of ", size());
  Tensor x = *this;
  x.shape_ = shape;
  x.storage_ = std::shared_ptr<void>(storage_, static_cast<char*>(storage_.get()) +
                                                   first * std::int64_t(size_of(dtype_)));
  return x;
}

template <class T> std::vector<T> Tensor::values() const {
  require(dtype_of<T> == dtype_, "values: the tensor holds ", size_of(dtype_), "-byte numbers, ",
          sizeof(T), "-byte ones were asked for");
  std::vector<T> host(static_cast<std::size_t>(size()));
  backend_->download(*this, host.data());
  return host;
}

std::vector<double> Tensor::numbers() const {
  std::vector<double> result;
  visit(dtype_, [&]<class T>(T) {
    const std::vector<T> host = values<T>();
    result.assign(host.begin(), host.end());
  });
  return result;
}

Tensor empty_like(const Tensor& x) {
  return Tensor(x.shape(), x.dtype(), x.backend());
}

template Tensor Tensor::from(Shape, std::span<const float>, Backend&);
template Tensor Tensor::from(Shape, std::span<const double>, Backend&);
template std::vector<float> Tensor::values() const;
template std::vector<double> Tensor::values() const;

} // namespace lookback
