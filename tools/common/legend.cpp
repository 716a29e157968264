#include "tools/common/legend.hpp"

namespace lookback::tools {

namespace {
constexpr double symbol = 22, letter = 7, gap = 28; // widths in pixels
}

std::string lowered(const std::string& text) {
  return "<tspan dy=\"3\" font-size=\"10\">" + text + "</tspan><tspan dy=\"-3\">\u200b</tspan>";
}

void Legend::line(const std::string& label, const Style& style) {
  svg_.line(x_, y_ - 4, x_ + symbol, y_ - 4, style);
  name(label);
}

void Legend::patch(const std::string& label, const std::vector<Style>& styles) {
  for (const Style& style : styles) svg_.rectangle({x_, y_ - 10, symbol, 12}, style);
  name(label);
}

void Legend::name(const std::string& label) {
  svg_.text(x_ + symbol + 7, y_, label, {.size = 12, .anchor = Anchor::start});
  x_ += symbol + gap + letter * double(label.size());
}

} // namespace lookback::tools
