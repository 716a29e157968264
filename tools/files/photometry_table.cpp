#include "tools/files/photometry_table.hpp"

#include "engine/error.hpp"
#include "tools/files/filter_curve.hpp"

#include <algorithm>
#include <cmath>
#include <fstream>
#include <numbers>
#include <sstream>

namespace lookback::tools {
namespace {

struct Line {
  std::string filter, unit;
  double value, error;
};

Line parsed(const std::string& text, const std::string& where) {
  std::istringstream words(text);
  Line line;
  std::string rest;
  words >> line.filter >> line.value >> line.error >> line.unit;
  require(words && !(words >> rest), where,
          " is not a filter file, a value, its error and a unit (AB or maggies)");
  require(std::isfinite(line.value) && std::isfinite(line.error) && line.error > 0, where,
          ": value ", line.value, " and error ", line.error,
          "; expected a finite value and a positive error");
  require(line.unit == "AB" || line.unit == "maggies", where, ": the unit '", line.unit,
          "' is neither AB nor maggies");
  return line;
}

} // namespace

std::vector<BandFlux> read_photometry(const std::filesystem::path& file) {
  std::ifstream stream(file);
  require(stream.good(), "cannot read '", file.string(), "'");
  std::vector<BandFlux> bands;
  std::string text;
  for (int number = 1; std::getline(stream, text); ++number) {
    text = text.substr(0, text.find('#'));
    if (text.find_first_not_of(" \t\r") == std::string::npos) continue;
    const std::string where = "'" + file.string() + "' line " + std::to_string(number);
    const Line line = parsed(text, where);
    BandFlux flux{read_filter_curve(file.parent_path() / line.filter), line.value, line.error};
    if (line.unit == "AB") {
      flux.maggies = std::pow(10, -0.4 * line.value);
      flux.error = flux.maggies * std::numbers::ln10 / 2.5 * line.error;
    }
    require(std::none_of(bands.begin(), bands.end(),
                         [&](const BandFlux& b) { return b.band.name == flux.band.name; }),
            where, ": the band ", flux.band.name, " comes twice");
    bands.push_back(std::move(flux));
  }
  require(!bands.empty(), "'", file.string(), "' holds no band");
  return bands;
}

} // namespace lookback::tools
