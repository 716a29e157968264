// FITS files of images, byte by byte (FITS 4.0, sections 3 and 4).
#pragma once

#include <bit>
#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

namespace lookback::test {

using Cards = std::vector<std::pair<std::string, std::string>>; // further keywords and values

// One HDU of big-endian float64; axes fastest first; no axis, no data.
inline std::string image_hdu(bool primary, const std::vector<int>& axes,
                             const std::function<double(int)>& value, const Cards& further = {}) {
  std::string header;
  const auto card = [&](const std::string& key, const std::string& text) {
    std::string line = key + std::string(8 - key.size(), ' ') + "= ";
    if (text.size() < 20) line += std::string(20 - text.size(), ' ');
    line += text;
    header += line + std::string(80 - line.size(), ' ');
  };
  if (primary)
    card("SIMPLE", "T");
  else
    header += "XTENSION= 'IMAGE   '" + std::string(60, ' ');
  card("BITPIX", "-64");
  card("NAXIS", std::to_string(axes.size()));
  int count = axes.empty() ? 0 : 1;
  for (std::size_t i = 0; i < axes.size(); ++i) {
    card("NAXIS" + std::to_string(i + 1), std::to_string(axes[i]));
    count *= axes[i];
  }
  if (!primary) card("PCOUNT", "0"), card("GCOUNT", "1");
  for (const auto& [key, text] : further) card(key, text);
  header += "END";
  header.resize((header.size() + 2879) / 2880 * 2880, ' ');
  std::string data;
  for (int i = 0; i < count; ++i) {
    const auto bits = std::bit_cast<std::uint64_t>(value(i));
    for (int shift = 56; shift >= 0; shift -= 8) data += char(bits >> shift);
  }
  data.resize((data.size() + 2879) / 2880 * 2880, '\0');
  return header + data;
}

} // namespace lookback::test
