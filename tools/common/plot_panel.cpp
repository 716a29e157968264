#include "tools/common/plot_panel.hpp"

#include <algorithm>
#include <cmath>

namespace lookback::tools {

namespace {

const Style ink{.stroke = "#222222", .width = 1};
constexpr double tick_length = 5;
constexpr double far_away = 2e4; // pixels; what lies further out would only lengthen the file

struct Point {
  double x, y;
};

std::string joined(const std::vector<Point>& points, char first) {
  std::string data;
  for (const Point& p : points) {
    data += data.empty() ? first : 'L';
    data += coordinate(p.x) + ' ' + coordinate(std::clamp(p.y, -far_away, far_away));
  }
  return data;
}

// Of the points of one half pixel only the lowest and the highest, in their order.
std::vector<Point> thinned(const std::vector<Point>& points) {
  std::vector<Point> kept;
  for (std::size_t i = 0; i < points.size();) {
    std::size_t low = i, high = i, j = i;
    for (; j < points.size() && std::floor(2 * points[j].x) == std::floor(2 * points[i].x); ++j) {
      if (points[j].y < points[low].y) low = j;
      if (points[j].y > points[high].y) high = j;
    }
    kept.push_back(points[std::min(low, high)]);
    if (low != high) kept.push_back(points[std::max(low, high)]);
    i = j;
  }
  return kept;
}

// The corners of a histogram's upper outline.
void corners(std::span<const double> edges, std::span<const double> y, std::vector<double>& x_out,
             std::vector<double>& y_out) {
  for (std::size_t i = 0; i < y.size(); ++i)
    for (const std::size_t edge : {i, i + 1}) {
      x_out.push_back(edges[edge]);
      y_out.push_back(y[i]);
    }
}

} // namespace

double PlotPanel::pixel_x(double x) const {
  return box_.left + box_.width * (x - x_.low) / (x_.high - x_.low);
}
double PlotPanel::pixel_y(double y) const {
  return box_.bottom() - box_.height * (y - y_.low) / (y_.high - y_.low);
}

void PlotPanel::curve(std::span<const double> x, std::span<const double> y, const Style& style) {
  std::string data;
  std::vector<Point> run;
  for (std::size_t i = 0; i <= x.size(); ++i) {
    if (i < x.size() && std::isfinite(y[i])) {
      run.push_back({pixel_x(x[i]), pixel_y(y[i])});
      continue;
    }
    if (run.size() > 1) data += joined(thinned(run), 'M');
    run.clear();
  }
  svg_.path(data, style);
}

void PlotPanel::band(std::span<const double> x, std::span<const double> low,
                     std::span<const double> high, const Style& style) {
  std::vector<Point> above, below;
  for (std::size_t i = 0; i < x.size(); ++i) {
    above.push_back({pixel_x(x[i]), pixel_y(high[i])});
    below.push_back({pixel_x(x[i]), pixel_y(low[i])});
  }
  above = thinned(above);
  below = thinned(below);
  std::reverse(below.begin(), below.end());
  if (!above.empty()) svg_.path(joined(above, 'M') + joined(below, 'L') + 'Z', style);
}

void PlotPanel::stairs(std::span<const double> edges, std::span<const double> y,
                       const Style& style) {
  std::vector<double> corner_x, corner_y;
  corners(edges, y, corner_x, corner_y);
  curve(corner_x, corner_y, style);
}

void PlotPanel::stairs_band(std::span<const double> edges, std::span<const double> low,
                            std::span<const double> high, const Style& style) {
  std::vector<double> x, corner_low, corner_high, again;
  corners(edges, low, x, corner_low);
  corners(edges, high, again, corner_high);
  band(x, corner_low, corner_high, style);
}

void PlotPanel::points(std::span<const double> x, std::span<const double> y, const Style& style) {
  std::string data;
  for (std::size_t i = 0; i < x.size(); ++i)
    data += 'M' + coordinate(pixel_x(x[i])) + ' ' + coordinate(pixel_y(y[i])) + "h0";
  svg_.path(data, style);
}

void PlotPanel::shade_x(double low, double high, const Style& style) {
  const double left = std::max(pixel_x(low), box_.left);
  const double right = std::min(pixel_x(high), box_.right());
  if (right > left) svg_.rectangle({left, box_.top, right - left, box_.height}, style);
}

void PlotPanel::horizontal(double y, const Style& style) {
  svg_.line(box_.left, pixel_y(y), box_.right(), pixel_y(y), style);
}
void PlotPanel::vertical(double x, const Style& style) {
  svg_.line(pixel_x(x), box_.top, pixel_x(x), box_.bottom(), style);
}

void PlotPanel::axes(const Axes& axes) {
  const auto x_ticks = nice_ticks(x_.low, x_.high, axes.x_ticks);
  const auto x_labels = tick_labels(x_ticks);
  for (std::size_t i = 0; i < x_ticks.size(); ++i) {
    const double x = pixel_x(x_ticks[i]);
    svg_.line(x, box_.bottom(), x, box_.bottom() - tick_length, ink);
    if (axes.mirror_x) svg_.line(x, box_.top, x, box_.top + tick_length, ink);
    if (axes.x_numbers) svg_.text(x, box_.bottom() + 18, x_labels[i], {});
  }
  const auto y_ticks = nice_ticks(y_.low, y_.high, axes.y_ticks);
  const auto y_labels = tick_labels(y_ticks);
  for (std::size_t i = 0; i < y_ticks.size(); ++i) {
    const double y = pixel_y(y_ticks[i]);
    svg_.line(box_.left, y, box_.left + tick_length, y, ink);
    svg_.line(box_.right(), y, box_.right() - tick_length, y, ink);
    svg_.text(box_.left - 8, y + 4.5, y_labels[i], {.anchor = Anchor::end});
  }
  svg_.rectangle(box_, ink);
  const double middle_x = box_.left + box_.width / 2, middle_y = box_.top + box_.height / 2;
  if (!axes.x_label.empty()) svg_.text(middle_x, box_.bottom() + 40, axes.x_label, {.size = 14});
  svg_.text(box_.left - 50, middle_y, axes.y_label, {.size = 14, .angle_deg = -90});
}

void PlotPanel::top_axis(double today, const std::string& label) {
  const auto ticks = nice_ticks(today - x_.high, today - x_.low, 7);
  const auto labels = tick_labels(ticks);
  for (std::size_t i = 0; i < ticks.size(); ++i) {
    const double x = pixel_x(today - ticks[i]);
    svg_.line(x, box_.top, x, box_.top + tick_length, ink);
    svg_.text(x, box_.top - 8, labels[i], {});
  }
  svg_.text(box_.left + box_.width / 2, box_.top - 28, label, {.size = 14});
}

} // namespace lookback::tools
