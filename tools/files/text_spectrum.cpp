#include "tools/files/text_spectrum.hpp"

#include "engine/error.hpp"
#include "tools/files/vacuum.hpp"

#include <charconv>
#include <fstream>

namespace lookback::tools {
namespace {

// The numbers of a line; empty where one of its words is none.
std::vector<double> numbers(const std::string& line) {
  std::vector<double> values;
  const char *at = line.data(), *end = at + line.size();
  const auto blank = [](char c) { return c == ' ' || c == '\t' || c == ',' || c == '\r'; };
  for (;;) {
    while (at < end && blank(*at)) ++at;
    if (at == end) return values;
    double value = 0;
    if (*at == '+') ++at;
    const auto result = std::from_chars(at, end, value);
    if (result.ec == std::errc::invalid_argument || (result.ptr < end && !blank(*result.ptr)))
      return {};
    values.push_back(value);
    at = result.ptr;
  }
}

} // namespace

Observation read_text_spectrum(const std::filesystem::path& file,
                               const ObservationOptions& options) {
  std::ifstream stream(file);
  require(stream.good(), "cannot read '", file.string(), "'");
  Observation o;
  o.name = file.stem().string();
  o.source = "text";
  o.flux_unit = options.text_flux_unit;
  std::string line;
  bool header_seen = false;
  for (int number = 1; std::getline(stream, line); ++number) {
    if (line.find_first_not_of(" \t\r") == std::string::npos ||
        line[line.find_first_not_of(" \t")] == '#')
      continue;
    const auto values = numbers(line);
    if (values.empty() && o.flux.empty() && !std::exchange(header_seen, true)) continue;
    require(values.size() >= 3, "'", file.string(), "' line ", number,
            " is not three numbers: wavelength, flux, error (nor is the file FITS or HDF5)");
    const double wavelength = values[0] * options.angstrom_per_unit, error = values[2];
    o.wavelength_angstrom.push_back(options.air_wavelengths ? vacuum_from_air(wavelength)
                                                            : wavelength);
    o.flux.push_back(values[1]);
    o.ivar.push_back(error > 0 && std::isfinite(error) ? 1 / (error * error) : 0);
  }
  require(!o.flux.empty(), "'", file.string(), "' holds no spectrum");
  o.mask.assign(o.flux.size(), 0);
  return o;
}

} // namespace lookback::tools
