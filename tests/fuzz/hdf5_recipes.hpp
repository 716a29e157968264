// Hostile HDF5 files from bytes: a right file of each layout, then edits that the bytes spell.
// The library's own metadata stay whole; HDF5 1.10 itself does not survive damage to those.
#pragma once

#include "engine/hdf5.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>
#include <span>
#include <string>
#include <vector>

namespace lookback::test {

struct Array {
  std::string name;
  Extents shape;
  double first, step; // values first, first + step, ...
};

struct Layout {
  std::string format; // "" for other people's files, which have no attribute of that name
  std::vector<Array> arrays;
  std::vector<std::pair<std::string, std::string>> texts; // attributes "object@name", their text
};

class ByteReader {
public:
  explicit ByteReader(std::span<const unsigned char> bytes) : bytes_(bytes) {}
  bool empty() const { return bytes_.empty(); }
  unsigned next() {
    if (bytes_.empty()) return 0;
    const unsigned value = bytes_[0];
    bytes_ = bytes_.subspan(1);
    return value;
  }

private:
  std::span<const unsigned char> bytes_;
};

namespace detail {

constexpr double strange[] = {NAN,    INFINITY, -INFINITY, 0,    -0.0, -1, 1e300, -1e300,
                              1e-300, 1e38,     4e9,       1e19, 0.5,  2,  255,   256};

struct Edited {
  Array array;
  enum { f64, f32, i64, i32, u8, text, group } kind = f64;
  std::map<std::size_t, double> changed;
  bool left_out = false;
};

template <class T> void write_as(H5Writer& writer, const Edited& e) {
  std::size_t count = 1;
  for (const auto extent : e.array.shape) count *= std::size_t(extent);
  std::vector<T> values(count);
  for (std::size_t i = 0; i < count; ++i) {
    const auto found = e.changed.find(i);
    const double value =
        found != e.changed.end() ? found->second : e.array.first + double(i) * e.array.step;
    if constexpr (std::is_integral_v<T>)
      values[i] = std::isfinite(value) ? T(std::int64_t(std::clamp(value, -9e18, 9e18))) : T(7);
    else
      values[i] = T(value);
  }
  writer.write<T>(e.array.name, e.array.shape, values);
}

inline void write(H5Writer& writer, const Edited& e) {
  switch (e.kind) {
  case Edited::f64:
    return write_as<double>(writer, e);
  case Edited::f32:
    return write_as<float>(writer, e);
  case Edited::i64:
    return write_as<std::int64_t>(writer, e);
  case Edited::i32:
    return write_as<std::int32_t>(writer, e);
  case Edited::u8:
    return write_as<std::uint8_t>(writer, e);
  case Edited::text:
    return writer.write_strings(e.array.name, {"one", "", "three"});
  case Edited::group:
    return writer.write<double>(e.array.name + "/inside", {1}, std::vector<double>{1});
  }
}

inline void edit(Edited& e, ByteReader& bytes) {
  const unsigned what = bytes.next() % 6, argument = bytes.next();
  auto& shape = e.array.shape;
  if (what == 0) e.left_out = true;
  if (what == 1) e.kind = decltype(e.kind)(argument % 7);
  if (what == 2 && !shape.empty()) shape[argument % shape.size()] = bytes.next() % 9;
  if (what == 3 && argument % 2 && !shape.empty()) shape.pop_back();
  if (what == 3 && argument % 2 == 0 && shape.size() < 5) shape.push_back(1 + argument % 3);
  if (what == 4) e.changed[argument] = strange[bytes.next() % std::size(strange)];
  if (what == 5) e.array.step = -e.array.step;
}

} // namespace detail

// Three bytes and more an edit: which array or attribute, what, and its arguments.
inline void write_recipe(const Layout& layout, ByteReader bytes,
                         const std::filesystem::path& file) {
  std::vector<detail::Edited> arrays;
  for (const Array& array : layout.arrays) arrays.push_back({array});
  auto texts = layout.texts;
  std::set<std::size_t> as_numbers;
  bool with_format = !layout.format.empty();
  while (!bytes.empty()) {
    const std::size_t which = bytes.next() % (arrays.size() + texts.size() + 1);
    if (which < arrays.size()) {
      detail::edit(arrays[which], bytes);
    } else if (which < arrays.size() + texts.size()) {
      const std::size_t i = which - arrays.size();
      const unsigned what = bytes.next() % 3;
      if (what == 0) texts[i].second.clear();
      if (what == 1) texts[i].second.push_back(char(1 + bytes.next() % 126));
      if (what == 2) as_numbers.insert(i);
    } else {
      with_format = false;
    }
  }
  H5Writer writer(file, true);
  if (with_format) writer.format(layout.format);
  for (const auto& e : arrays)
    if (!e.left_out) detail::write(writer, e);
  for (std::size_t i = 0; i < texts.size(); ++i) {
    const auto at = texts[i].first.find('@');
    const std::string object = texts[i].first.substr(0, at), name = texts[i].first.substr(at + 1);
    if (as_numbers.contains(i))
      writer.attribute(object, name, double(texts[i].second.size()) - 1);
    else
      writer.attribute(object, name, texts[i].second);
  }
  writer.commit();
}

} // namespace lookback::test
