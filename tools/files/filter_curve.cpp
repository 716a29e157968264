#include "tools/files/filter_curve.hpp"

#include "tools/files/in_file.hpp"
#include "tools/files/text_numbers.hpp"

#include <algorithm>
#include <cctype>
#include <fstream>

namespace lookback::tools {
namespace {

using Column = std::vector<double>;

Eigen::VectorXd vector(const Column& values) {
  return Eigen::VectorXd::Map(values.data(), Eigen::Index(values.size()));
}

bool speaks_of(std::string text, const char* word) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](unsigned char c) { return char(std::tolower(c)); });
  return text.find(word) != std::string::npos;
}

} // namespace

physics::Band read_filter_curve(const std::filesystem::path& file,
                                const FilterCurveOptions& options) {
  std::error_code error;
  require(std::filesystem::is_regular_file(file, error), "there is no file '", file.string(), "'");
  std::ifstream stream(file);
  Column wavelength, transmission;
  bool photons = false, energy = false;
  std::string line;
  for (int number = 1; std::getline(stream, line); ++number) {
    if (is_comment(line)) {
      photons = photons || speaks_of(line, "photon");
      energy = energy || speaks_of(line, "energy");
      continue;
    }
    const auto values = text_numbers(line);
    require(values.size() == 2, "'", file.string(), "' line ", number,
            " is not two numbers: wavelength, transmission");
    wavelength.push_back(values[0] * options.angstrom_per_unit);
    transmission.push_back(values[1]);
  }
  require(options.detector || !(photons && energy), "'", file.string(),
          "': the comments speak of photons and of energy; say which the curve counts");
  physics::Band band{file.stem().string(), vector(wavelength), vector(transmission)};
  in_file(file, [&] { check(band); });
  if (options.detector.value_or(energy ? Detector::energy : Detector::photon) == Detector::energy)
    band.transmission.array() /= band.wavelength_angstrom.array();
  return band;
}

Detector detector(const std::string& name) {
  if (name == "photon") return Detector::photon;
  require(name == "energy", "the detector '", name, "' is not one of photon, energy");
  return Detector::energy;
}

} // namespace lookback::tools
