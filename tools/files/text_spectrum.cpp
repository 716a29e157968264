#include "tools/files/text_spectrum.hpp"

#include "engine/error.hpp"
#include "tools/files/text_numbers.hpp"
#include "tools/files/vacuum.hpp"

#include <fstream>
#include <utility>

namespace lookback::tools {

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
    if (is_comment(line)) continue;
    const auto values = text_numbers(line);
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
