#include "tools/files/text_numbers.hpp"

#include <charconv>
#include <cmath>

namespace lookback::tools {

std::vector<double> text_numbers(std::string_view line) {
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

std::optional<std::pair<double, double>> number_range(std::string_view text) {
  double low = 0, high = 0;
  const char* end = text.data() + text.size();
  const auto first = std::from_chars(text.data(), end, low);
  if (first.ec != std::errc() || first.ptr == end || *first.ptr != ':') return {};
  const auto second = std::from_chars(first.ptr + 1, end, high);
  if (second.ec != std::errc() || second.ptr != end) return {};
  if (!std::isfinite(low) || !std::isfinite(high)) return {};
  return std::pair(low, high);
}

bool is_comment(std::string_view line) {
  const auto first = line.find_first_not_of(" \t\r");
  return first == std::string_view::npos || line[first] == '#';
}

} // namespace lookback::tools
