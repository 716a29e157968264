#include "tools/common/posterior_figure.hpp"

#include "physics/cosmology.hpp"
#include "tools/common/legend.hpp"
#include "tools/common/plot_panel.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>

namespace lookback::tools {

namespace {

const Style wide_band{.fill = blue, .opacity = 0.16}, narrow_band{.fill = blue, .opacity = 0.30};
const Style single_draw{.stroke = blue, .width = 0.6, .opacity = 0.45};
const Style median_line{.stroke = blue, .width = 2}, truth_line{.stroke = black, .width = 1.5};
const Style epoch_line{.stroke = grey, .width = 1, .dash = "5 4"};
const Style data_line{.stroke = "#555555", .width = 0.7};
const Style model_line{.stroke = vermillion, .width = 1.2};
const Style masked_shade{.fill = "#e4e4e4"};

constexpr double figure_width = 1000;
const Box sfh_box{72, 116, 408, 250}, mh_box{572, 116, 408, 250};
const Box spectrum_box{72, 428, 908, 230}, residual_box{72, 670, 908, 110};

// Quantiles of every column of draws [draws, columns].
struct Bands {
  std::vector<double> q025, q16, q50, q84, q975;
};

Bands bands_of(const std::vector<float>& draws, std::size_t columns) {
  Bands bands;
  std::vector<double> column;
  for (std::size_t c = 0; c < columns; ++c) {
    column.clear();
    for (std::size_t i = c; i < draws.size(); i += columns) column.push_back(draws[i]);
    const std::vector<double> q = quantiles(column, summary_levels);
    bands.q025.push_back(q[0]);
    bands.q16.push_back(q[1]);
    bands.q50.push_back(q[2]);
    bands.q84.push_back(q[3]);
    bands.q975.push_back(q[4]);
  }
  return bands;
}

double greatest(const std::vector<double>& values) {
  return values.empty() ? 0 : *std::max_element(values.begin(), values.end());
}
double least(const std::vector<double>& values) {
  return values.empty() ? 0 : *std::min_element(values.begin(), values.end());
}

void draw_history(Svg& svg, const Box& box, Range y, const std::string& y_label,
                  const std::vector<float>& draws, const Bands& bands,
                  const std::vector<double>& truth, const Samples& s,
                  const FigureOptions& options) {
  const std::vector<double>& edges = s.bin_edges_gyr;
  PlotPanel panel(svg, box, {edges.front(), edges.back()}, y);
  panel.begin_clip();
  panel.stairs_band(edges, bands.q025, bands.q975, wide_band);
  panel.stairs_band(edges, bands.q16, bands.q84, narrow_band);
  const std::int64_t curves = std::min<std::int64_t>(options.curves, s.draws);
  for (std::int64_t k = 0; k < curves; ++k) {
    const float* first = &draws[std::size_t(k * s.draws / curves) * s.bins];
    panel.stairs(edges, std::vector<double>(first, first + s.bins), single_draw);
  }
  panel.stairs(edges, bands.q50, median_line);
  if (!truth.empty()) panel.stairs(s.observation.true_bin_edges_gyr, truth, truth_line);
  if (s.observation.redshift > 0) // later bins are a prediction
    panel.vertical(physics::age_gyr(s.observation.redshift), epoch_line);
  panel.end_clip();
  panel.axes({.x_label = "cosmic time [Gyr]", .y_label = y_label, .mirror_x = false});
  panel.top_axis(physics::age_gyr(0), "lookback time [Gyr]");
}

void draw_histories(Svg& svg, const Samples& s, const FigureOptions& options) {
  const Bands sfr = bands_of(s.sfr_msun_per_yr, s.bins), log_z = bands_of(s.log_z_zsun, s.bins);
  const Observation& o = s.observation;
  constexpr double head_room = 1.08, lowest_shown = -2.5, highest_shown = 0.6;
  double top = std::max(greatest(sfr.q975), greatest(o.true_sfr_msun_per_yr));
  if (!(top > 0)) top = 1;
  draw_history(svg, sfh_box, {0, head_room * top},
               "SFR [M" + lowered("\u2609") + " yr\u207b\u00b9]", s.sfr_msun_per_yr, sfr,
               o.true_sfr_msun_per_yr, s, options);
  // The forward model knows no metallicity above 0.5.
  const double low = std::min(least(log_z.q025), least(o.true_log_z_zsun)) - 0.1;
  const double high = std::max(greatest(log_z.q975), greatest(o.true_log_z_zsun)) + 0.1;
  const Range range{std::clamp(low, lowest_shown, -0.5), std::clamp(high, 0.1, highest_shown)};
  draw_history(svg, mh_box, range, "log\u2081\u2080 Z / Z" + lowered("\u2609"), s.log_z_zsun, log_z,
               o.true_log_z_zsun, s, options);
}

// Runs of masked pixels.
void shade_masked(PlotPanel& panel, const Observation& o) {
  const auto& x = o.wavelength_angstrom;
  for (std::size_t i = 0; i < x.size();) {
    std::size_t end = i;
    while (end < x.size() && o.mask[end]) ++end;
    if (end > i) {
      const double low = i > 0 ? 0.5 * (x[i - 1] + x[i]) : x.front();
      const double high = end < x.size() ? 0.5 * (x[end - 1] + x[end]) : x.back();
      panel.shade_x(low, high, masked_shade);
    }
    i = end + 1;
  }
}

std::string flux_label(double unit) {
  const std::string units = "erg s\u207b\u00b9 cm\u207b\u00b2 \u00c5\u207b\u00b9]";
  const std::string label = "F" + lowered("\u03bb") + " [";
  const double power = std::log10(unit);
  if (std::abs(power - std::round(power)) > 1e-6) {
    char number[32];
    std::snprintf(number, sizeof number, "%.3g ", unit);
    return label + number + units;
  }
  const char* superscripts[] = {"\u2070", "\u00b9", "\u00b2", "\u00b3", "\u2074",
                                "\u2075", "\u2076", "\u2077", "\u2078", "\u2079"};
  std::string exponent = power < 0 ? "\u207b" : "";
  for (const char digit : std::to_string(std::abs(std::lround(power))))
    exponent += superscripts[digit - '0'];
  return label + (unit == 1 ? "" : "10" + exponent + ' ') + units;
}

// Limits that the used pixels' flux fills but for single spikes.
Range flux_range(const Observation& o, const Bands& model) {
  const bool any_used = std::find(o.mask.begin(), o.mask.end(), 0u) != o.mask.end();
  std::vector<double> values;
  for (std::size_t p = 0; p < o.flux.size(); ++p)
    if (!o.mask[p] || !any_used) values.push_back(o.flux[p]);
  const std::vector<double> q = quantiles(values, std::vector{0.002, 0.998});
  const double high = std::max(q[1], greatest(model.q50)), low = std::min(q[0], 0.0);
  return {low, high + 0.12 * (high - low)};
}

void draw_spectrum_legend(Svg& svg, const Samples& s, std::size_t pixels) {
  Legend legend(svg, spectrum_box.right() - 640, spectrum_box.bottom() - 14);
  legend.line("data", data_line);
  legend.patch("not used", {masked_shade});
  if (s.model_flux.empty() || pixels == 0) return;
  legend.line("median model, 95 % band", model_line);
  char chi2[80];
  std::snprintf(chi2, sizeof chi2, "reduced \u03c7\u00b2 = %.2f, %zu pixels",
                reduced_chi2_of_median(s), pixels);
  svg.text(spectrum_box.right() - 14, spectrum_box.bottom() - 14, chi2, {.anchor = Anchor::end});
}

void draw_spectrum(Svg& svg, const Samples& s) {
  const Observation& o = s.observation;
  const auto& x = o.wavelength_angstrom;
  const Bands model = bands_of(s.model_flux, x.size());
  const Range x_range{x.front(), x.back()};

  PlotPanel spectrum(svg, spectrum_box, x_range, flux_range(o, model));
  std::vector<double> data = o.flux, residual_x, residuals;
  for (std::size_t p = 0; p < x.size(); ++p) {
    if (!(o.ivar[p] > 0)) data[p] = NAN;
    if (o.mask[p] || s.model_flux.empty()) continue;
    residual_x.push_back(x[p]);
    residuals.push_back((o.flux[p] - model.q50[p]) * std::sqrt(o.ivar[p]));
  }
  spectrum.begin_clip();
  shade_masked(spectrum, o);
  spectrum.curve(x, data, data_line);
  if (!s.model_flux.empty()) {
    spectrum.band(x, model.q025, model.q975, {.fill = vermillion, .opacity = 0.35});
    spectrum.curve(x, model.q50, model_line);
  }
  spectrum.end_clip();
  draw_spectrum_legend(svg, s, residuals.size());
  spectrum.axes({.y_label = flux_label(o.flux_unit), .x_ticks = 9, .x_numbers = false});

  std::vector<double> sizes;
  for (const double r : residuals) sizes.push_back(std::abs(r));
  const double reach = residuals.empty() ? 4 : quantiles(sizes, std::vector{0.998})[0];
  const double limit = std::clamp(1.15 * reach, 4.6, 20.0);
  PlotPanel panel(svg, residual_box, x_range, {-limit, limit});
  panel.begin_clip();
  shade_masked(panel, o);
  panel.points(residual_x, residuals, {.stroke = grey, .width = 1.8, .opacity = 0.7});
  panel.horizontal(0, {.stroke = vermillion, .width = 1.2});
  panel.end_clip();
  panel.axes({.x_label = "observed wavelength, vacuum [\u00c5]",
              .y_label = "residual / \u03c3",
              .x_ticks = 9,
              .y_ticks = 3});
}

void draw_history_legend(Svg& svg, const Samples& s) {
  Legend legend(svg, sfh_box.left, 54);
  legend.line("median", median_line);
  legend.patch("68 %", {wide_band, narrow_band});
  legend.patch("95 %", {wide_band});
  legend.line("draws", single_draw);
  if (!s.observation.true_sfr_msun_per_yr.empty()) legend.line("truth", truth_line);
  if (s.observation.redshift > 0) legend.line("epoch of observation", epoch_line);
}

void draw_heading(Svg& svg, const Samples& s) {
  const Observation& o = s.observation;
  const std::string name = o.name.empty() ? (s.posterior ? "posterior" : "prior") : o.name;
  svg.text(sfh_box.left, 28, escaped(name), {.size = 16, .anchor = Anchor::start, .bold = true});
  std::string facts;
  const auto add = [&](const char* format, auto... numbers) {
    char text[160];
    std::snprintf(text, sizeof text, format, numbers...);
    facts += (facts.empty() ? "" : ",\u00a0 ") + std::string(text);
  };
  for (const Quantity& quantity : s.quantities) {
    if (quantity.name != "log10_mass_formed_msun") continue;
    const auto q = quantiles(quantity.values, summary_levels);
    if (!std::isfinite(q[1]) || !std::isfinite(q[3])) continue;
    const std::string mass = "log\u2081\u2080 M(formed)/M" + lowered("\u2609");
    const double error = std::max(0.5 * (q[3] - q[1]), 1e-6); // shown with two digits
    const int d = std::max(2, int(std::ceil(1 - std::log10(error))));
    add("%s = %.*f (+%.*f \u2212%.*f)", mass.c_str(), d, q[2], d, q[3] - q[2], d, q[2] - q[1]);
  }
  if (std::isfinite(o.redshift)) add("z = %.4f", o.redshift);
  if (std::isfinite(o.a_v)) add("A%s = %.2f", lowered("V").c_str(), o.a_v);
  add("%lld draws", static_cast<long long>(s.draws));
  svg.text(mh_box.right(), 28, facts, {.size = 13, .anchor = Anchor::end});
}

} // namespace

double reduced_chi2_of_median(const Samples& s) {
  const Observation& o = s.observation;
  if (s.model_flux.empty()) return NAN;
  const std::vector<double> model = bands_of(s.model_flux, o.flux.size()).q50;
  double sum = 0, used = 0;
  for (std::size_t p = 0; p < o.flux.size(); ++p) {
    if (o.mask[p]) continue;
    sum += o.ivar[p] * (o.flux[p] - model[p]) * (o.flux[p] - model[p]);
    ++used;
  }
  return sum / used;
}

std::string posterior_figure(const Samples& s, const FigureOptions& options) {
  const bool observed = !s.observation.wavelength_angstrom.empty();
  Svg svg(figure_width, observed ? residual_box.bottom() + 54 : sfh_box.bottom() + 54);
  draw_heading(svg, s);
  draw_history_legend(svg, s);
  draw_histories(svg, s, options);
  if (observed) draw_spectrum(svg, s);
  return svg.document("Star-formation and metallicity history: " + s.observation.name);
}

} // namespace lookback::tools
