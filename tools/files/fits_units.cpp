#include "tools/files/fits_units.hpp"

#include "engine/error.hpp"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <cmath>
#include <regex>
#include <set>

namespace lookback::tools {
namespace {

std::string lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](unsigned char c) { return char(std::tolower(c)); });
  return text;
}

} // namespace

double erg_per_s_cm2_angstrom(const std::string& unit) {
  constexpr std::size_t longest = 80; // a FITS card
  const std::string text = lower(unit.substr(0, longest));
  // 1e-17, 10^-17, 10**(-17) or nothing; then the letters of each word.
  static const std::regex power(R"(^\s*(?:10(?:\*\*|\^)\(?|1(?:\.0*)?e)([+-]?\d{1,3})\)?)");
  static const std::regex word("[a-z]+");
  std::smatch match;
  const bool scaled = std::regex_search(text, match, power);
  const std::string rest = scaled ? match.suffix().str() : text;
  std::set<std::string> words;
  for (std::sregex_iterator at(rest.begin(), rest.end(), word), end; at != end; ++at)
    words.insert(at->str().starts_with("ang") ? "a" : at->str());
  require(words == std::set<std::string>{"a", "cm", "erg", "s"}, "the flux is in '", unit,
          "', expected erg / s / cm2 / Angstrom or a power of 10 of it");
  return scaled ? std::pow(10, std::stoi(match[1])) : 1;
}

double angstrom_in(const std::string& unit) {
  const std::string text = lower(unit);
  if (text.starts_with("ang")) return 1;
  if (text == "nm" || text.starts_with("nanomet")) return 10;
  require(text == "um" || text.starts_with("micro"), "the wavelength is in '", unit,
          "', expected angstrom, nm or um");
  return 1e4;
}

double number_in(const std::string& text) {
  double value = NAN;
  const char* end = text.data() + text.size();
  const auto result = std::from_chars(text.data(), end, value);
  return result.ec == std::errc() && result.ptr == end ? value : NAN;
}

void set_flux_unit(Observation& o, double unit) {
  const double scale = unit / o.flux_unit;
  if (scale == 1) return;
  for (double& v : o.flux) v *= scale;
  for (double& v : o.ivar) v /= scale * scale;
}

} // namespace lookback::tools
