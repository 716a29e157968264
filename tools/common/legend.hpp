// What figures share: colours, subscripts, and a row of symbols with their labels.
#pragma once

#include "tools/common/svg.hpp"

namespace lookback::tools {

// Colours of Okabe & Ito, told apart by all forms of colour vision.
inline const std::string blue = "#0072B2", vermillion = "#D55E00", green = "#009E73",
                         grey = "#777777", black = "#000000";

// A subscript; what follows is back on the line.
std::string lowered(const std::string& text);

// From `x` to the right.
class Legend {
public:
  Legend(Svg& svg, double x, double y) : svg_(svg), x_(x), y_(y) {}

  void line(const std::string& label, const Style& style);
  void patch(const std::string& label, const std::vector<Style>& styles);

private:
  void name(const std::string& label);

  Svg& svg_;
  double x_, y_;
};

} // namespace lookback::tools
