// FITS files, byte by byte (FITS 4.0, sections 3 and 4).
#pragma once

#include <bit>
#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

namespace lookback::test {

using Cards = std::vector<std::pair<std::string, std::string>>; // further keywords and values

// A header that begins with the card `first`, and its data.
inline std::string hdu_of(const std::string& first, const Cards& cards, std::string data) {
  std::string header = first + std::string(80 - first.size(), ' ');
  for (const auto& [key, text] : cards) {
    std::string line = key + std::string(8 - key.size(), ' ') + "= ";
    if (text.size() < 20) line += std::string(20 - text.size(), ' ');
    line += text;
    header += line + std::string(80 - line.size(), ' ');
  }
  header += "END";
  header.resize((header.size() + 2879) / 2880 * 2880, ' ');
  data.resize((data.size() + 2879) / 2880 * 2880, '\0');
  return header + data;
}

inline void append_big_endian(std::string& bytes, double value) {
  const auto bits = std::bit_cast<std::uint64_t>(value);
  for (int shift = 56; shift >= 0; shift -= 8) bytes += char(bits >> shift);
}

// An image of float64; axes fastest first; no axis, no data.
inline std::string image_hdu(bool primary, const std::vector<int>& axes,
                             const std::function<double(int)>& value, const Cards& further = {}) {
  Cards cards{{"BITPIX", "-64"}, {"NAXIS", std::to_string(axes.size())}};
  int count = axes.empty() ? 0 : 1;
  for (std::size_t i = 0; i < axes.size(); ++i) {
    cards.emplace_back("NAXIS" + std::to_string(i + 1), std::to_string(axes[i]));
    count *= axes[i];
  }
  if (!primary) cards.emplace_back("PCOUNT", "0"), cards.emplace_back("GCOUNT", "1");
  cards.insert(cards.end(), further.begin(), further.end());
  std::string data;
  for (int i = 0; i < count; ++i) append_big_endian(data, value(i));
  return hdu_of(primary ? "SIMPLE  =                    T" : "XTENSION= 'IMAGE   '", cards,
                std::move(data));
}

} // namespace lookback::test
