// Access to the golden data beside the project, and the measure every comparison with it uses.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <span>
#include <string>

namespace lookback::test {

// Path of a golden file, or empty after printing the line that makes ctest report a skip.
inline std::string golden(const std::string& name) {
  const std::string path = std::string(LOOKBACK_SHARED_DIR) + "/data/" + name;
  if (std::filesystem::exists(path)) return path;
  std::printf("SKIPPED: golden data %s is not at hand\n", path.c_str());
  return {};
}

// max |a - b| / max |b|; infinite where the sizes differ or a value is not finite.
template <class A, class B> double max_relative_error(const A& a, const B& b) {
  if (std::size(a) != std::size(b)) return INFINITY;
  double difference = 0, scale = 0;
  for (std::size_t i = 0; i < std::size(a); ++i) {
    if (!std::isfinite(double(a[i]))) return INFINITY;
    difference = std::max(difference, std::abs(double(a[i]) - double(b[i])));
    scale = std::max(scale, std::abs(double(b[i])));
  }
  return scale > 0 ? difference / scale : difference;
}

} // namespace lookback::test
