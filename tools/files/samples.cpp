#include "tools/files/samples.hpp"

#include "tools/files/in_file.hpp"

#include <algorithm>
#include <cmath>
#include <functional>
#include <numeric>

namespace lookback::tools {
namespace {

using Names = std::vector<std::string>;

// A group of the ArviZ schema: coordinates are dimension scales, variables are attached to them.
class Group {
public:
  Group(H5Writer& writer, std::string path) : writer_(writer), path_(std::move(path) + "/") {}

  void coordinate(const std::string& name, std::span<const double> values,
                  const std::string& unit) {
    writer_.write(path_ + name, {std::int64_t(values.size())}, values, unit);
    add_dimension(name, values.size());
  }
  void counter(const std::string& name, std::int64_t length) {
    std::vector<std::int64_t> values(static_cast<std::size_t>(length));
    std::iota(values.begin(), values.end(), 0);
    writer_.write<std::int64_t>(path_ + name, {length}, values);
    add_dimension(name, values.size());
  }
  template <class T>
  void variable(const std::string& name, const Names& dimensions, const std::vector<T>& values,
                const std::string& unit = "") {
    Extents extents;
    for (const auto& dimension : dimensions) extents.push_back(length_of(dimension));
    writer_.write<T>(path_ + name, extents, values, unit);
    for (std::size_t axis = 0; axis < dimensions.size(); ++axis)
      writer_.attach_scale(path_ + name, int(axis), path_ + dimensions[axis]);
  }

private:
  void add_dimension(const std::string& name, std::size_t length) {
    writer_.make_scale(path_ + name, name);
    lengths_.emplace_back(name, std::int64_t(length));
  }
  std::int64_t length_of(const std::string& name) const {
    for (const auto& [dimension, length] : lengths_)
      if (dimension == name) return length;
    fail("the group '", path_, "' has no dimension '", name, "'");
  }

  H5Writer& writer_;
  std::string path_;
  std::vector<std::pair<std::string, std::int64_t>> lengths_;
};

std::vector<float> as_float(const std::vector<double>& values) {
  return {values.begin(), values.end()};
}

std::string flux_unit_text(const Observation& o) {
  std::ostringstream text;
  text << o.flux_unit << " erg/s/cm2/Angstrom";
  return text.str();
}

void check(const Samples& s) {
  const auto cells = std::size_t(s.draws) * std::size_t(s.bins);
  require(s.draws > 0 && s.bins > 0, "there are no samples to write");
  require(s.sfr_msun_per_yr.size() == cells && s.log_z_zsun.size() == cells &&
              s.bin_edges_gyr.size() == std::size_t(s.bins) + 1,
          "the histories of the samples must have the shape [", s.draws, ", ", s.bins, "]");
  for (const auto* list : {&s.quantities, &s.sample_stats})
    for (const Quantity& quantity : *list)
      require(quantity.values.size() == std::size_t(s.draws), "'", quantity.name, "' has ",
              quantity.values.size(), " values for ", s.draws, " draws");
  const Observation& o = s.observation;
  const std::size_t pixels = o.wavelength_angstrom.size();
  require(o.flux.size() == pixels && o.ivar.size() == pixels && o.mask.size() == pixels,
          "the observation of the samples has flux, ivar and mask of different lengths");
  require(s.model_flux.empty() || s.model_flux.size() == std::size_t(s.draws) * pixels,
          "model_flux must have the shape [", s.draws, ", ", pixels, "]");
}

void write_draws(H5Writer& writer, const Samples& s) {
  Group group(writer, s.posterior ? "posterior" : "prior");
  group.counter("chain", 1);
  group.counter("draw", s.draws);
  group.counter("bin", s.bins);
  group.variable("sfr_msun_per_yr", {"chain", "draw", "bin"}, s.sfr_msun_per_yr, "Msun/yr");
  group.variable("log_z_zsun", {"chain", "draw", "bin"}, s.log_z_zsun, "log10(Z/0.0142)");
  for (const Quantity& q : s.quantities)
    group.variable(q.name, {"chain", "draw"}, as_float(q.values), q.unit);
  if (s.sample_stats.empty()) return;
  Group stats(writer, "sample_stats");
  stats.counter("chain", 1);
  stats.counter("draw", s.draws);
  for (const Quantity& q : s.sample_stats)
    stats.variable(q.name, {"chain", "draw"}, as_float(q.values), q.unit);
}

void write_constants(H5Writer& writer, const Samples& s) {
  const Observation& o = s.observation;
  Group group(writer, "constant_data");
  group.counter("bin_edge", s.bins + 1);
  group.variable("bin_edges_gyr", {"bin_edge"}, s.bin_edges_gyr, "Gyr");
  for (const Quantity& q : s.constants) group.variable(q.name, {}, q.values, q.unit);
  if (!s.bin_constants.empty()) group.counter("bin", s.bins);
  for (const Quantity& q : s.bin_constants) group.variable(q.name, {"bin"}, q.values, q.unit);
  if (!o.wavelength_angstrom.empty())
    group.coordinate("wavelength", o.wavelength_angstrom, "Angstrom");
  if (!o.noiseless.empty())
    group.variable("noiseless_flux", {"wavelength"}, as_float(o.noiseless), flux_unit_text(o));
  if (!o.resolution_sigma_km_s.empty())
    group.variable("resolution_sigma_km_s", {"wavelength"}, as_float(o.resolution_sigma_km_s),
                   "km/s");
  if (o.true_sfr_msun_per_yr.empty()) return;
  group.counter("true_bin", std::int64_t(o.true_sfr_msun_per_yr.size()));
  group.counter("true_bin_edge", std::int64_t(o.true_bin_edges_gyr.size()));
  group.variable("true_sfr_msun_per_yr", {"true_bin"}, o.true_sfr_msun_per_yr, "Msun/yr");
  group.variable("true_log_z_zsun", {"true_bin"}, o.true_log_z_zsun, "log10(Z/0.0142)");
  group.variable("true_bin_edges_gyr", {"true_bin_edge"}, o.true_bin_edges_gyr, "Gyr");
}

void write_observation(H5Writer& writer, const Samples& s) {
  const Observation& o = s.observation;
  if (o.wavelength_angstrom.empty()) return;
  const std::string unit = flux_unit_text(o);
  Group data(writer, "observed_data");
  data.coordinate("wavelength", o.wavelength_angstrom, "Angstrom");
  data.variable("flux", {"wavelength"}, as_float(o.flux), unit);
  data.variable("ivar", {"wavelength"}, as_float(o.ivar), "(" + unit + ")^-2");
  data.variable("mask", {"wavelength"}, std::vector<std::int32_t>(o.mask.begin(), o.mask.end()));
  writer.attribute("observed_data", "name", o.name);
  writer.attribute("observed_data", "source", o.source);
  writer.attribute("observed_data", "flux_unit", o.flux_unit);
  for (int bit = 0; bit < mask_reasons; ++bit)
    writer.attribute("observed_data/mask", "bit_" + std::to_string(bit), mask_reason_name(bit));
  if (s.model_flux.empty()) return;
  Group predictive(writer, "posterior_predictive");
  predictive.counter("chain", 1);
  predictive.counter("draw", s.draws);
  predictive.coordinate("wavelength", o.wavelength_angstrom, "Angstrom");
  predictive.variable("flux", {"chain", "draw", "wavelength"}, s.model_flux, unit);
}

// Quantiles [levels, columns] of a table [draws, columns].
std::vector<float> column_quantiles(const std::vector<float>& table, std::size_t columns) {
  const std::size_t levels = std::size(summary_levels), draws = table.size() / columns;
  std::vector<float> result(levels * columns);
  std::vector<double> column(draws);
  for (std::size_t c = 0; c < columns; ++c) {
    for (std::size_t d = 0; d < draws; ++d) column[d] = table[d * columns + c];
    const auto q = quantiles(column, summary_levels);
    for (std::size_t level = 0; level < levels; ++level)
      result[level * columns + c] = float(q[level]);
  }
  return result;
}

void write_summary(H5Writer& writer, const Samples& s) {
  const Observation& o = s.observation;
  Group group(writer, "summary");
  group.coordinate("quantile", summary_levels, "");
  group.counter("bin", s.bins);
  const auto bins = std::size_t(s.bins);
  group.variable("sfr_msun_per_yr", {"quantile", "bin"}, column_quantiles(s.sfr_msun_per_yr, bins),
                 "Msun/yr");
  group.variable("log_z_zsun", {"quantile", "bin"}, column_quantiles(s.log_z_zsun, bins),
                 "log10(Z/0.0142)");
  for (const auto* list : {&s.quantities, &s.sample_stats})
    for (const Quantity& q : *list)
      group.variable(q.name, {"quantile"}, as_float(quantiles(q.values, summary_levels)), q.unit);
  if (s.model_flux.empty()) return;
  group.coordinate("wavelength", o.wavelength_angstrom, "Angstrom");
  group.variable("flux", {"quantile", "wavelength"}, column_quantiles(s.model_flux, o.flux.size()),
                 flux_unit_text(o));
}

} // namespace

std::vector<double> quantiles(std::vector<double> values, std::span<const double> levels) {
  std::erase_if(values, [](double v) { return std::isnan(v); });
  if (values.empty()) return std::vector<double>(levels.size(), NAN);
  std::sort(values.begin(), values.end());
  std::vector<double> result;
  for (const double level : levels) {
    const double position = level * double(values.size() - 1);
    const auto below = std::size_t(position);
    const double low = values[below], high = values[std::min(below + 1, values.size() - 1)];
    const double fraction = position - double(below);
    result.push_back(fraction == 0 || low == high ? low : low + fraction * (high - low));
  }
  return result;
}

void write_samples(const OutputFile& output, const Samples& samples) {
  check(samples);
  H5Writer writer(output.path, output.overwrite);
  write_preamble(writer, "lookback-samples", output);
  for (const auto& [name, value] : samples.attributes)
    std::visit([&, &key = name](const auto& v) { writer.attribute("/", key, v); }, value);
  write_draws(writer, samples);
  write_constants(writer, samples);
  write_observation(writer, samples);
  write_summary(writer, samples);
  writer.commit();
}

} // namespace lookback::tools
