// Values of a dataset or column, checked against their limits; NaN is in none.
#pragma once

#include "engine/error.hpp"

#include <filesystem>
#include <string>
#include <vector>

namespace lookback::tools {

inline void require_in_range(const std::filesystem::path& file, const std::string& dataset,
                             const std::vector<double>& values, double low, double high) {
  for (const double v : values)
    if (!(v >= low && v <= high)) [[unlikely]]
      fail("'", file.string(), "': dataset '", dataset, "' holds ", v, ", expected ", low, " to ",
           high);
}

} // namespace lookback::tools
