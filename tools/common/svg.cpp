#include "tools/common/svg.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>

namespace lookback::tools {

namespace {

std::string printed(const char* format, double value) {
  char text[64];
  std::snprintf(text, sizeof text, format, value);
  return text;
}

std::string attributes(const Style& s) {
  std::string text = " stroke=\"" + s.stroke + "\" fill=\"" + s.fill + "\"";
  if (s.stroke != "none") text += " stroke-width=\"" + printed("%g", s.width) + "\"";
  if (s.opacity < 1) text += " opacity=\"" + printed("%g", s.opacity) + "\"";
  if (!s.dash.empty()) text += " stroke-dasharray=\"" + s.dash + "\"";
  return text;
}

} // namespace

std::string coordinate(double pixels) {
  const double tenths = std::round(10 * pixels);
  return printed(std::fmod(tenths, 10) == 0 ? "%.0f" : "%.1f", tenths / 10 + 0.0);
}

std::string escaped(std::string_view text) {
  std::string safe;
  for (const char c : text) {
    switch (c) {
    case '<':
      safe += "&lt;";
      break;
    case '>':
      safe += "&gt;";
      break;
    case '&':
      safe += "&amp;";
      break;
    case '"':
      safe += "&quot;";
      break;
    case '\'':
      safe += "&#39;";
      break;
    default:
      safe += static_cast<unsigned char>(c) < 0x20 ? ' ' : c;
    }
  }
  return safe;
}

void Svg::line(double x0, double y0, double x1, double y1, const Style& style) {
  path('M' + coordinate(x0) + ' ' + coordinate(y0) + 'L' + coordinate(x1) + ' ' + coordinate(y1),
       style);
}

void Svg::rectangle(const Box& box, const Style& style) {
  body_ += "<rect x=\"" + coordinate(box.left) + "\" y=\"" + coordinate(box.top) + "\" width=\"" +
           coordinate(box.width) + "\" height=\"" + coordinate(box.height) + '"' +
           attributes(style) + "/>\n";
}

void Svg::path(const std::string& data, const Style& style) {
  if (!data.empty()) body_ += "<path d=\"" + data + '"' + attributes(style) + "/>\n";
}

void Svg::text(double x, double y, const std::string& markup, const TextStyle& style) {
  const char* anchors[] = {"start", "middle", "end"};
  const std::string place = coordinate(x) + ' ' + coordinate(y);
  body_ += "<text x=\"" + coordinate(x) + "\" y=\"" + coordinate(y) + "\" font-size=\"" +
           printed("%g", style.size) + "\" text-anchor=\"" + anchors[int(style.anchor)] +
           "\" fill=\"" + style.fill + '"';
  if (style.bold) body_ += " font-weight=\"bold\"";
  if (style.angle_deg != 0)
    body_ += " transform=\"rotate(" + printed("%g", style.angle_deg) + ' ' + place + ")\"";
  body_ += '>' + markup + "</text>\n";
}

void Svg::begin_clip(const Box& box) {
  const std::string name = "clip" + std::to_string(++clips_);
  body_ += "<clipPath id=\"" + name + "\">";
  rectangle(box, {});
  body_ += "</clipPath>\n<g clip-path=\"url(#" + name + ")\">\n";
}

void Svg::end_clip() {
  body_ += "</g>\n";
}

std::string Svg::document(std::string_view title) const {
  const std::string width = coordinate(width_), height = coordinate(height_);
  return "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"" + width + "\" height=\"" + height +
         "\" viewBox=\"0 0 " + width + ' ' + height +
         "\" font-family=\"Helvetica, Arial, 'DejaVu Sans', sans-serif\" "
         "stroke-linejoin=\"round\" stroke-linecap=\"round\">\n<title>" +
         escaped(title) + "</title>\n<rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n" +
         body_ + "</svg>\n";
}

std::vector<double> nice_ticks(double low, double high, int wanted) {
  const double rough = (high - low) / std::max(wanted, 1);
  if (!(rough > 0) || !std::isfinite(rough)) return {};
  const double power = std::pow(10, std::floor(std::log10(rough)));
  const double mantissa = rough / power;
  const double step = power * (mantissa < 1.5 ? 1 : mantissa < 3.5 ? 2 : mantissa < 7.5 ? 5 : 10);
  std::vector<double> ticks;
  constexpr double slack = 1e-9; // of a step, for rounding
  for (double i = std::ceil(low / step - slack); i <= high / step + slack; ++i)
    ticks.push_back(i == 0 ? 0.0 : i * step);
  return ticks;
}

std::vector<std::string> tick_labels(const std::vector<double>& ticks) {
  std::vector<std::string> labels;
  if (ticks.empty()) return labels;
  const double step = ticks.size() > 1 ? ticks[1] - ticks[0] : std::abs(ticks[0]);
  const double largest = std::max(std::abs(ticks.front()), std::abs(ticks.back()));
  const bool plain = largest < 1e5 && step >= 1e-4;
  const int digits = step > 0 ? std::max(0, int(-std::floor(std::log10(step) + 1e-9))) : 0;
  for (const double tick : ticks) {
    char text[64];
    std::snprintf(text, sizeof text, plain ? "%.*f" : "%.*e", plain ? digits : 1, tick);
    labels.push_back(text);
    if (labels.back().front() == '-') labels.back().replace(0, 1, "\u2212"); // a true minus sign
  }
  return labels;
}

} // namespace lookback::tools
