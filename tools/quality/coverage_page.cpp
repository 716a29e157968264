#include "tools/quality/coverage_page.hpp"

#include "tools/common/html_page.hpp"
#include "tools/common/legend.hpp"
#include "tools/common/plot_panel.hpp"

#include <algorithm>
#include <cmath>

namespace lookback::tools {
namespace {

using Values = std::vector<double>;

const Style chance_band{.fill = grey, .opacity = 0.25};
const Style expected_line{.stroke = grey, .width = 1, .dash = "4 3"};
const Style found_line{.stroke = blue, .width = 2};
const Style other_line{.stroke = vermillion, .width = 2};
constexpr double two_sigma = 1.96; // 95 % of a normal distribution

// Ranks 0 ... draws in at most `most` groups as equal as can be: edges in units of all places, and
// the number of mocks in each over the number expected.
struct Histogram {
  Values edges, found, error; // [groups + 1], [groups], [groups]
};
Histogram histogram(const std::vector<int>& ranks, std::int64_t draws) {
  constexpr std::int64_t most = 13;
  const std::int64_t places = draws + 1, groups = std::min(most, places);
  Histogram h;
  for (std::int64_t g = 0; g < groups; ++g) {
    const std::int64_t first = g * places / groups, end = (g + 1) * places / groups;
    const double share = double(end - first) / double(places);
    const double expected = share * double(ranks.size());
    const auto inside =
        std::count_if(ranks.begin(), ranks.end(), [&](int r) { return r >= first && r < end; });
    h.edges.push_back(double(first) / double(places));
    h.found.push_back(double(inside) / expected);
    h.error.push_back(std::sqrt((1 - share) / expected));
  }
  h.edges.push_back(1);
  return h;
}

void draw_ranks(Svg& svg, const Box& box, const std::string& name, const std::vector<int>& ranks,
                std::int64_t draws) {
  const Histogram h = histogram(ranks, draws);
  Values low, high;
  for (const double e : h.error) {
    low.push_back(1 - two_sigma * e);
    high.push_back(1 + two_sigma * e);
  }
  const double top = std::max(2.2, 1.1 * *std::max_element(h.found.begin(), h.found.end()));
  PlotPanel panel(svg, box, {0, 1}, {0, top});
  panel.stairs_band(h.edges, low, high, chance_band);
  panel.horizontal(1, expected_line);
  panel.stairs(h.edges, h.found, found_line);
  panel.axes({.x_ticks = 4, .y_ticks = 4});
  svg.text(box.left + box.width / 2, box.top - 8, escaped(name), {.size = 14});
}

std::string rank_figure(const CoverageAssessment& a) {
  constexpr int columns = 4;
  constexpr double width = 200, height = 120, step_x = 240, step_y = 180, first = 50;
  const auto rows = (a.rows.size() + columns - 1) / columns;
  Svg svg(1000, first + double(rows) * step_y);
  for (std::size_t i = 0; i < a.rows.size(); ++i)
    draw_ranks(
        svg,
        {40 + step_x * double(i % columns), first + step_y * double(i / columns), width, height},
        a.rows[i].name, a.rows[i].ranks, a.draws);
  return svg.document("Ranks of the truth among the draws");
}

void draw_tarp(Svg& svg, const Box& box, const CoverageAssessment& a) {
  Values alpha{0}, found{0}, low{-a.ks_limit}, high{a.ks_limit};
  for (std::int64_t r = 0; r <= a.draws; ++r) {
    const auto below = std::count_if(a.tarp.begin(), a.tarp.end(), [&](int t) { return t <= r; });
    alpha.push_back(double(r + 1) / double(a.draws + 1));
    found.push_back(double(below) / double(a.mocks));
    low.push_back(alpha.back() - a.ks_limit);
    high.push_back(alpha.back() + a.ks_limit);
  }
  PlotPanel panel(svg, box, {0, 1}, {0, 1});
  panel.begin_clip();
  panel.band(alpha, low, high, chance_band);
  panel.curve(alpha, alpha, expected_line);
  panel.curve(alpha, found, found_line);
  panel.end_clip();
  panel.axes({.x_label = "credibility of the region", .y_label = "share of truths inside"});
  svg.text(box.left + box.width / 2, box.top - 8, "TARP", {.size = 14});
}

void draw_chi2(Svg& svg, const Box& box, const CoverageAssessment& a) {
  Values all = a.truth_chi2;
  all.insert(all.end(), a.draws_chi2.begin(), a.draws_chi2.end());
  const Values q = quantiles(all, std::vector{0.02, 0.98});
  const double room = std::max(0.3 * (q[1] - q[0]), 1e-3), low = q[0] - room, high = q[1] + room;
  constexpr int groups = 24;
  Values edges, truths(groups, 0), draws(groups, 0);
  for (int g = 0; g <= groups; ++g) edges.push_back(low + (high - low) * g / groups);
  const auto fill = [&](const Values& values, Values& counts) {
    for (const double v : values) // the last groups hold what lies beyond
      ++counts[std::size_t(std::clamp((v - low) / (high - low) * groups, 0.0, groups - 1.0))];
  };
  fill(a.truth_chi2, truths);
  fill(a.draws_chi2, draws);
  const double top = 1.1 * std::max(*std::max_element(truths.begin(), truths.end()),
                                    *std::max_element(draws.begin(), draws.end()));
  PlotPanel panel(svg, box, {low, high}, {0, top});
  panel.stairs(edges, truths, other_line);
  panel.stairs(edges, draws, found_line);
  panel.axes({.x_label = "reduced \u03c7\u00b2", .y_label = "mocks"});
  Legend legend(svg, box.left + 12, box.top - 8);
  legend.line("median of the draws", found_line);
  legend.line("truth", other_line);
}

void draw_bins(Svg& svg, const Box& box, const BinCoverage& b, const CoverageAssessment& a,
               const Values& edges) {
  PlotPanel panel(svg, box, {edges.front(), edges.back()}, {0.3, 1});
  panel.begin_clip();
  const auto level = [&](double nominal, const Values& share, const Values& error) {
    Values low, high;
    for (const double e : error) { // no mock has the last bins
      low.push_back(nominal - (std::isfinite(e) ? two_sigma * e : 0));
      high.push_back(nominal + (std::isfinite(e) ? two_sigma * e : 0));
    }
    panel.stairs_band(edges, low, high, chance_band);
    panel.horizontal(nominal, expected_line);
    panel.stairs(edges, share, found_line);
  };
  level(a.nominal_68, b.share_68, b.error_68);
  level(a.nominal_95, b.share_95, b.error_95);
  panel.end_clip();
  panel.axes({.x_label = "cosmic time [Gyr]", .y_label = "share of truths inside"});
  svg.text(box.left + box.width / 2, box.top - 8, "68 % and 95 % intervals of " + escaped(b.name),
           {.size = 14});
}

std::string curves_figure(const CoverageAssessment& a, const Values& edges) {
  constexpr double width = 400, height = 260, left = 72, right = 572, first = 50, second = 400;
  Svg svg(1000, second + height + 60);
  draw_tarp(svg, {left, first, width, height}, a);
  draw_chi2(svg, {right, first, width, height}, a);
  draw_bins(svg, {left, second, width, height}, a.sfr_bins, a, edges);
  draw_bins(svg, {right, second, width, height}, a.log_z_bins, a, edges);
  return svg.document("TARP, chi2 and intervals by time bin");
}

} // namespace

std::string coverage_page(const CoverageAssessment& a, const std::vector<double>& bin_edges_gyr,
                          const std::string& how) {
  std::string table = "<table>", tests = "<table>";
  for (const auto& row : coverage_cells(a)) table += html_row(row);
  for (const CoverageTest& test : a.tests)
    tests += html_row({test.subject, test.finding, name_of(a.verdict(test))});
  return html_page(
      "Coverage of " + std::to_string(a.mocks) + " mocks",
      how +
          "<h2>Ranks of the truth among the draws</h2>\n<p>Mocks over those expected; the "
          "band holds 95 % of a calibrated posterior's.</p>\n" +
          rank_figure(a) +
          "<h2>TARP, \u03c7\u00b2, intervals</h2>\n<p>Bands hold 95 % of a calibrated "
          "posterior's: of TARP the whole curve, of intervals each bin.</p>\n" +
          curves_figure(a, bin_edges_gyr) + "<h2>Quantities</h2>\n" + table +
          "</table>\n<h2>Tests</h2>\n" + tests + "</table>\n");
}

} // namespace lookback::tools
