#include "tools/quality/prior_figure.hpp"

#include "tools/common/legend.hpp"
#include "tools/common/plot_panel.hpp"

#include <algorithm>

namespace lookback::tools {

namespace {

const Style wide_band{.fill = blue, .opacity = 0.16}, narrow_band{.fill = blue, .opacity = 0.30};
const Style draws_line{.stroke = blue, .width = 2};
const Style held_out_line{.stroke = black, .width = 1.3};
const Style held_out_dashed{.stroke = black, .width = 0.9, .dash = "4 3"};
const Style reference_line{.stroke = vermillion, .width = 1.3};

constexpr double figure_width = 1000, panel_width = 408, panel_height = 230;
constexpr double left_column = 72, right_column = 572, first_row = 60, row_height = 310;

Box box(int column, int row) {
  return {column == 0 ? left_column : right_column, first_row + row * row_height, panel_width,
          panel_height};
}

using Values = std::vector<double>;

Values mapped(const Values& values, double (*f)(double)) {
  Values result;
  for (const double v : values) result.push_back(f(v));
  return result;
}
double unchanged(double v) {
  return v;
}
constexpr double lowest_shown_sfr = 1e-4; // Msun/yr
double log_sfr(double v) {
  return std::log10(std::max(v, lowest_shown_sfr));
}

// The smallest range that holds all finite values, with a little room.
Range range_of(const std::vector<const Values*>& all) {
  double low = INFINITY, high = -INFINITY;
  for (const Values* values : all)
    for (const double v : *values)
      if (std::isfinite(v)) {
        low = std::min(low, v);
        high = std::max(high, v);
      }
  if (!(low < high)) return {low - 1, low + 1};
  const double room = 0.06 * (high - low);
  return {low - room, high + room};
}

void draw_bands(Svg& svg, const Box& where, const PriorComparison& c, const std::string& name,
                const std::string& label, double (*scale)(double)) {
  const auto get = [&](const char* level, auto member) {
    return mapped(c.curve(name + level).*member, scale);
  };
  constexpr const char* levels[] = {" 2.5 %", " 16 %", " 50 %", " 84 %", " 97.5 %"};
  std::vector<Values> draws, held_out, reference;
  for (const char* level : levels) {
    draws.push_back(get(level, &ComparisonCurve::draws));
    held_out.push_back(get(level, &ComparisonCurve::held_out));
    if (c.reference) reference.push_back(get(level, &ComparisonCurve::reference));
  }
  const Values& edges = c.bin_edges_gyr;
  PlotPanel panel(svg, where, {edges.front(), edges.back()},
                  range_of({&draws[0], &draws[4], &held_out[0], &held_out[4]}));
  panel.begin_clip();
  panel.stairs_band(edges, draws[0], draws[4], wide_band);
  panel.stairs_band(edges, draws[1], draws[3], narrow_band);
  panel.stairs(edges, draws[2], draws_line);
  for (const int level : {0, 1, 3, 4}) panel.stairs(edges, held_out[level], held_out_dashed);
  panel.stairs(edges, held_out[2], held_out_line);
  if (c.reference) panel.stairs(edges, reference[2], reference_line);
  panel.end_clip();
  panel.axes({.x_label = "cosmic time [Gyr]", .y_label = label});
}

struct Line {
  std::string name;
  double (*scale)(double) = unchanged;
};

void draw_curves(Svg& svg, const Box& where, const PriorComparison& c,
                 const std::vector<Line>& lines, double (*x_scale)(double),
                 const PlotPanel::Axes& axes) {
  std::vector<Values> all;
  Values x;
  for (const Line& line : lines) {
    const ComparisonCurve& curve = c.curve(line.name);
    x = mapped(curve.at, x_scale);
    for (const Values* values : {&curve.draws, &curve.held_out, &curve.reference})
      all.push_back(mapped(*values, line.scale));
  }
  std::vector<const Values*> shown;
  for (const Values& values : all) shown.push_back(&values);
  const Range x_range{*std::min_element(x.begin(), x.end()), *std::max_element(x.begin(), x.end())};
  PlotPanel panel(svg, where, x_range, range_of(shown));
  panel.begin_clip();
  for (std::size_t i = 0; i < all.size(); i += 3) {
    panel.curve(x, all[i], draws_line);
    panel.curve(x, all[i + 1], held_out_line);
    if (!all[i + 2].empty()) panel.curve(x, all[i + 2], reference_line);
  }
  panel.end_clip();
  panel.axes(axes);
}

} // namespace

std::string prior_figure(const PriorComparison& c) {
  Svg svg(figure_width, first_row + 2 * row_height + panel_height + 60);
  Legend legend(svg, left_column, 28);
  legend.patch("draws: median, 68 %, 95 %", {wide_band, narrow_band});
  legend.line("held-out: median", held_out_line);
  legend.line("held-out: 68 %, 95 %", held_out_dashed);
  if (c.reference) legend.line("reference: median", reference_line);
  const std::string sun = lowered("\u2609"), log10 = "log\u2081\u2080 ";
  const auto log = [](double v) { return std::log10(v); };
  draw_bands(svg, box(0, 0), c, "sfr", log10 + "SFR [M" + sun + " yr\u207b\u00b9]", log_sfr);
  draw_bands(svg, box(1, 0), c, "log_z", log10 + "Z / Z" + sun, unchanged);
  draw_curves(svg, box(0, 1), c, {{"mass"}}, unchanged,
              {.x_label = log10 + "M(formed) / M" + sun, .y_label = "galaxies per dex"});
  draw_curves(svg, box(1, 1), c, {{"quenched"}}, unchanged,
              {.x_label = "cosmic time [Gyr]", .y_label = "quenched share"});
  draw_curves(
      svg, box(0, 2), c, {{"bursts", log}}, log,
      {.x_label = log10 + "period [Gyr]", .y_label = log10 + "power of log SFR [dex\u00b2]"});
  draw_curves(svg, box(1, 2), c,
              {{"correlation sfr sfr"}, {"correlation log_z log_z"}, {"correlation sfr log_z"}},
              unchanged,
              {.x_label = "lag [Gyr], of SFR\u2013SFR, Z\u2013Z and SFR\u2013Z",
               .y_label = "mean correlation"});
  return svg.document("A prior beside histories it has not seen");
}

} // namespace lookback::tools
