// Numbers in the attributes of other people's HDF5 files.
#pragma once

#include "engine/error.hpp"
#include "engine/hdf5.hpp"

#include <cmath>
#include <string>
#include <vector>

namespace lookback::tools {

// The attribute of the object under the one of `names` that it has. Errors: it has none of them.
inline double number_among(const H5Reader& reader, const std::string& object,
                           const std::vector<std::string>& names) {
  for (const std::string& name : names)
    if (reader.has_attribute(object, name)) return reader.number(object, name);
  fail("'", reader.file().string(), "': '", object, "' has no attribute '", names.at(0), "'");
}

// Errors: not an integer that a double can hold.
inline std::int64_t whole_number(const H5Reader& reader, const std::string& object,
                                 const std::string& name) {
  const double number = reader.number(object, name);
  require(std::abs(number) <= 0x1p53 && number == std::round(number), "'", reader.file().string(),
          "': attribute '", name, "' of '", object, "' is ", number, ", expected an integer");
  return std::int64_t(number);
}

} // namespace lookback::tools
