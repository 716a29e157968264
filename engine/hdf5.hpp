// HDF5 files: hostile when read, atomic when written. Plain row-major arrays and attributes; no
// tensors. Every failure is an Error naming the file, the dataset and what was expected.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace lookback {

using Extents = std::vector<std::int64_t>;

class H5Reader {
public:
  // Errors: no such file, not HDF5, truncated.
  explicit H5Reader(const std::filesystem::path& file);
  ~H5Reader();
  H5Reader(H5Reader&&) noexcept;

  const std::filesystem::path& file() const;
  bool has(const std::string& object) const;                     // group or dataset
  std::vector<std::string> list(const std::string& group) const; // names of its members, sorted
  Extents extents(const std::string& dataset) const;

  // The values, converted to the type asked for. `expected` is the shape required, -1 standing for
  // any length; empty means any shape. Errors: missing, wrong shape, not numeric, NaN or Inf, or
  // more bytes than `extents` can honestly hold in this file's storage limits.
  template <class T> // float, double, std::int64_t, std::uint8_t
  std::vector<T> read(const std::string& dataset, const Extents& expected = {}) const;

  // As read, but NaN and Inf are let through: for data whose gaps are NaN by convention.
  template <class T>
  std::vector<T> read_raw(const std::string& dataset, const Extents& expected = {}) const;

  // Rows first ... first + count - 1 of the first axis, as read: for data larger than memory.
  template <class T> // float, double, std::int64_t
  std::vector<T> read_rows(const std::string& dataset, std::int64_t first,
                           std::int64_t count) const;

  std::vector<std::string> read_strings(const std::string& dataset) const;

  // Attributes of a group or dataset ("/" is the file). Scalars and 1-element arrays are alike.
  std::vector<std::string> attributes(const std::string& object) const; // their names, sorted
  bool has_attribute(const std::string& object, const std::string& name) const;
  bool attribute_is_text(const std::string& object, const std::string& name) const;
  std::string text(const std::string& object, const std::string& name) const;
  double number(const std::string& object, const std::string& name) const;
  std::vector<double> numbers(const std::string& object, const std::string& name) const;

  // Requires attribute `format` = format and `format_version` = 1.
  void require_format(const std::string& format) const;

private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// Writes under a temporary name beside `file`; commit() flushes to disk and renames. Without commit
// the temporary is removed and `file` is left as it was.
class H5Writer {
public:
  // Errors: folder missing or not writable; file exists and overwrite is false.
  H5Writer(const std::filesystem::path& file, bool overwrite);
  ~H5Writer();

  // Writes attributes format, format_version = 1 and created_by ("lookback <version>").
  void format(const std::string& format);
  // Groups on the way are made as needed. Units: "" writes no attribute.
  template <class T> // float, double, std::int64_t, std::int32_t, std::uint8_t
  void write(const std::string& dataset, const Extents& extents, std::span<const T> values,
             const std::string& unit = "");
  // The same, stored with 11 significant bits (IEEE 754 binary16); read<float> reads it.
  void write_half(const std::string& dataset, const Extents& extents,
                  std::span<const float> values);
  void write_strings(const std::string& dataset, const std::vector<std::string>& values);

  void attribute(const std::string& object, const std::string& name, const std::string& value);
  void attribute(const std::string& object, const std::string& name, const char* value);
  void attribute(const std::string& object, const std::string& name, double value);
  void attribute(const std::string& object, const std::string& name, std::int64_t value);
  void attribute(const std::string& object, const std::string& name,
                 std::span<const double> values);
  void attribute(const std::string& object, const std::string& name,
                 std::span<const std::int64_t> values);

  // HDF5 dimension scales (netCDF-4 dimensions): make `scale` one, attach it to an axis.
  void make_scale(const std::string& scale, const std::string& name);
  void attach_scale(const std::string& dataset, int axis, const std::string& scale);

  void commit();

private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

} // namespace lookback
