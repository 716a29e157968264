// A vector graphic in SVG: shapes, text, and what an axis needs.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace lookback::tools {

struct Style {
  std::string stroke = "none", fill = "none";
  double width = 1; // of the stroke, pixels
  double opacity = 1;
  std::string dash = {}; // "4 3"
};

enum class Anchor { start, middle, end };

struct TextStyle {
  double size = 13;
  Anchor anchor = Anchor::middle;
  std::string fill = "#222222";
  double angle_deg = 0; // clockwise
  bool bold = false;
};

struct Box { // pixels, y downwards
  double left, top, width, height;
  double right() const { return left + width; }
  double bottom() const { return top + height; }
};

class Svg {
public:
  Svg(double width, double height) : width_(width), height_(height) {}

  void line(double x0, double y0, double x1, double y1, const Style& style);
  void rectangle(const Box& box, const Style& style);
  void path(const std::string& data, const Style& style);
  // `markup` may hold <tspan>; text from files goes through escaped().
  void text(double x, double y, const std::string& markup, const TextStyle& style);
  // What is drawn until end_clip() is cut at the box.
  void begin_clip(const Box& box);
  void end_clip();

  std::string document(std::string_view title) const;

private:
  double width_, height_;
  int clips_ = 0;
  std::string body_;
};

// Text with <, >, &, quotes and control characters made harmless in SVG and HTML.
std::string escaped(std::string_view text);

// A coordinate with 0.1 pixel: short, and finer than the eye.
std::string coordinate(double pixels);

// About `wanted` multiples of 1, 2 or 5 times a power of ten in [low, high].
std::vector<double> nice_ticks(double low, double high, int wanted);
// Labels of ticks, all with the digits that the spacing needs.
std::vector<std::string> tick_labels(const std::vector<double>& ticks);

} // namespace lookback::tools
