#include "nn/params.hpp"

namespace lookback::nn {
namespace {

Shape inside_shape(const std::vector<std::int64_t>& e) {
  if (e.size() == 3) return {e[2], e[1], e[0]};
  if (e.size() == 2) return {1, e[1], e[0]};
  return {e[0]};
}

// Index of element i of the inside layout in the outside one: [K, Ci, Co] read as [Co, Ci, K].
std::int64_t outside_index(const Shape& s, std::int64_t i) {
  if (s.rank() < 3) return i;
  const std::int64_t o = i % s[2], c = i / s[2] % s[1], k = i / s[2] / s[1];
  return (o * s[1] + c) * s[0] + k;
}

} // namespace

const Tensor& Params::declare(const std::string& name, std::vector<std::int64_t> extents,
                              Init init) {
  const Shape shape = inside_shape(extents);
  entries_.push_back({name, std::move(extents), init, flat_size_, shape, {}});
  const std::int64_t alignment = 16; // kernels then read whole cache lines
  size_ += shape.size();
  flat_size_ += (shape.size() + alignment - 1) / alignment * alignment;
  return entries_.back().tensor;
}

void Params::allocate() {
  flat_ = Tensor({flat_size_}, dtype_, *backend_);
  backend_->fill(flat_, 0);
  for (Entry& entry : entries_) entry.tensor = flat_.part(entry.offset, entry.shape);
}

void Params::initialise(std::uint64_t seed) {
  std::uint32_t object = 0;
  for (const Entry& entry : entries_) {
    const Stream stream{.seed = seed, .purpose = Purpose::weights, .object = object++};
    std::vector<float> values(std::size_t(entry.shape.size()));
    for (std::size_t i = 0; i < values.size(); ++i) {
      const double a = entry.init.value;
      values[i] = float(entry.init.kind == Init::constant  ? a
                        : entry.init.kind == Init::uniform ? a * (2 * stream.uniform(i) - 1)
                                                           : a * stream.normal(i));
    }
    set_from_outside(entry, values, flat_);
  }
}

std::vector<float> Params::outside(const Entry& entry, const Tensor& flat) const {
  const Tensor part = flat.part(entry.offset, entry.shape);
  std::vector<float> values(std::size_t(entry.shape.size()));
  visit(dtype_, [&]<class T>(T) {
    const std::vector<T> inside = part.values<T>();
    for (std::size_t i = 0; i < inside.size(); ++i)
      values[std::size_t(outside_index(entry.shape, std::int64_t(i)))] = float(inside[i]);
  });
  return values;
}

void Params::set_from_outside(const Entry& entry, std::span<const float> values,
                              const Tensor& flat) const {
  require(std::int64_t(values.size()) == entry.shape.size(), "parameter ", entry.name, ": ",
          values.size(), " values given, expected ", entry.shape.size());
  visit(dtype_, [&]<class T>(T) {
    std::vector<T> inside(values.size());
    for (std::size_t i = 0; i < inside.size(); ++i)
      inside[i] = T(values[std::size_t(outside_index(entry.shape, std::int64_t(i)))]);
    backend_->upload(inside.data(), flat.part(entry.offset, entry.shape));
  });
}

Recording::Recording(Params& params, Tape& tape, const Tensor& gradient) : params_(params) {
  for (auto& entry : params_.entries_)
    entry.tensor = tape.variable(entry.tensor, gradient.part(entry.offset, entry.shape));
}

Recording::~Recording() {
  for (auto& entry : params_.entries_) entry.tensor = entry.tensor.untaped();
}

} // namespace lookback::nn
