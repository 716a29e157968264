// What the HDF5 reader and writer share: an owned identifier of the C library and native types.
#pragma once

#include "engine/hdf5.hpp"

#include <hdf5.h>
#include <type_traits>
#include <utility>

namespace lookback {

// Any identifier of the library; H5Idec_ref closes whatever kind it is.
class Handle {
public:
  explicit Handle(hid_t id) : id_(id) {}
  ~Handle() { close(); }
  Handle(Handle&& other) noexcept : id_(std::exchange(other.id_, -1)) {}
  Handle& operator=(Handle&&) = delete;
  operator hid_t() const { return id_; }
  bool valid() const { return id_ >= 0; }
  bool close() { return id_ < 0 || H5Idec_ref(std::exchange(id_, -1)) >= 0; }

private:
  hid_t id_;
};

template <class T> hid_t native_type() {
  if constexpr (std::is_same_v<T, float>)
    return H5T_NATIVE_FLOAT;
  else if constexpr (std::is_same_v<T, double>)
    return H5T_NATIVE_DOUBLE;
  else if constexpr (std::is_same_v<T, std::int64_t>)
    return H5T_NATIVE_INT64;
  else if constexpr (std::is_same_v<T, std::int32_t>)
    return H5T_NATIVE_INT32;
  else
    return H5T_NATIVE_UINT8;
}

inline std::string shape_text(const Extents& extents) {
  std::string text = "[";
  for (std::size_t i = 0; i < extents.size(); ++i)
    text += (i ? ", " : "") + (extents[i] < 0 ? std::string("any") : std::to_string(extents[i]));
  return text + "]";
}

} // namespace lookback
