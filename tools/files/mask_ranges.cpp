#include "tools/files/mask_ranges.hpp"

#include "engine/error.hpp"
#include "tools/files/observation.hpp"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>

namespace lookback::tools {
namespace {

// "5000 5100" and " 5000 : 5100" as "5000:5100".
std::string joined(std::string text) {
  std::replace(text.begin(), text.end(), ':', ' ');
  std::istringstream words(text);
  std::string range;
  for (std::string word; words >> word;) range += (range.empty() ? "" : ":") + word;
  return range;
}

} // namespace

std::vector<std::pair<double, double>> mask_ranges(const std::string& range_or_file) {
  std::error_code error;
  if (!std::filesystem::is_regular_file(range_or_file, error)) {
    require(range_or_file.find(':') != std::string::npos, "--mask: '", range_or_file,
            "' is neither a range of wavelengths LO:HI in Angstrom nor a file of them");
    return {wavelength_range(range_or_file)};
  }
  std::vector<std::pair<double, double>> ranges;
  std::ifstream stream(range_or_file);
  std::string line;
  for (int number = 1; std::getline(stream, line); ++number) {
    line = joined(line.substr(0, line.find('#')));
    if (line.empty()) continue;
    try {
      ranges.push_back(wavelength_range(line));
    } catch (const Error& reason) {
      fail("'", range_or_file, "' line ", number, ": ", reason.what());
    }
  }
  require(!ranges.empty(), "'", range_or_file, "' holds no range of wavelengths LO HI");
  return ranges;
}

} // namespace lookback::tools
