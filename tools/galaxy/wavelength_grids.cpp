#include "tools/galaxy/wavelength_grids.hpp"

#include "engine/error.hpp"
#include "tools/files/observation.hpp"

#include <charconv>
#include <cmath>

namespace lookback::tools {

std::vector<double> sdss_wavelengths() {
  std::vector<double> wavelengths;
  for (int k = 0; k <= 3840; ++k) wavelengths.push_back(std::pow(10, 3.5797 + 1e-4 * k));
  return wavelengths;
}

std::vector<double> log_wavelengths(const std::string& text) {
  const std::size_t colon = text.rfind(':');
  double step = 0;
  const char *begin = text.data() + (colon == std::string::npos ? 0 : colon + 1),
             *end = text.data() + text.size();
  const auto result = std::from_chars(begin, end, step);
  const auto [low, high] =
      wavelength_range(colon == std::string::npos ? "" : text.substr(0, colon));
  require(result.ec == std::errc() && result.ptr == end && step > 0 && low > 0, "'", text,
          "' is not a wavelength grid LO:HI:STEP (Angstrom, Angstrom, log10)");
  const double count = std::floor(std::log10(high / low) / step + 1e-9) + 1;
  require(count <= 1e7, "the wavelength grid '", text, "' has ", count, " pixels; 1e7 is the most");
  std::vector<double> wavelengths;
  for (int k = 0; k < int(count); ++k) wavelengths.push_back(low * std::pow(10, step * k));
  return wavelengths;
}

} // namespace lookback::tools
