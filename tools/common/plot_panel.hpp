// One panel of a figure: data coordinates in a box of an Svg, with curves, bands and axes.
#pragma once

#include "tools/common/svg.hpp"

#include <span>
#include <string>
#include <vector>

namespace lookback::tools {

struct Range {
  double low, high;
};

class PlotPanel {
public:
  PlotPanel(Svg& svg, Box box, Range x, Range y) : svg_(svg), box_(box), x_(x), y_(y) {}

  double pixel_x(double x) const;
  double pixel_y(double y) const;
  const Box& box() const { return box_; }

  // Points with a NaN break a curve. More points than the eye can tell apart are thinned to the
  // extremes of each half pixel.
  void curve(std::span<const double> x, std::span<const double> y, const Style& style);
  void band(std::span<const double> x, std::span<const double> low, std::span<const double> high,
            const Style& style);
  // Histograms: edges [n + 1], values [n].
  void stairs(std::span<const double> edges, std::span<const double> y, const Style& style);
  void stairs_band(std::span<const double> edges, std::span<const double> low,
                   std::span<const double> high, const Style& style);
  void points(std::span<const double> x, std::span<const double> y, const Style& style);
  void shade_x(double low, double high, const Style& style);
  void horizontal(double y, const Style& style);
  void vertical(double x, const Style& style);

  void begin_clip() { svg_.begin_clip(box_); }
  void end_clip() { svg_.end_clip(); }

  // Frame with ticks inwards on all sides, labels below and left where asked for.
  struct Axes {
    std::string x_label = {}, y_label = {}; // markup
    int x_ticks = 7, y_ticks = 5;
    bool x_numbers = true;
    bool mirror_x = true; // ticks on the top side, too
  };
  void axes(const Axes& axes);
  // Top side: ticks at today - x, for lookback time.
  void top_axis(double today, const std::string& label);

private:
  Svg& svg_;
  Box box_;
  Range x_, y_;
};

} // namespace lookback::tools
