#include "tools/files/histories.hpp"

#include "physics/time_bins.hpp"
#include "tools/files/in_file.hpp"

#include <algorithm>
#include <cmath>

namespace lookback::tools {
namespace {

template <class T> bool all_finite(const std::vector<T>& values) {
  return std::all_of(values.begin(), values.end(), [](T v) { return std::isfinite(v); });
}

} // namespace

void check(const Histories& h) {
  const auto cells = std::size_t(h.count) * std::size_t(h.bins), rows = std::size_t(h.count);
  const auto optional_rows = [&](const auto& values) {
    return values.empty() || values.size() == rows;
  };
  require(h.count > 0 && h.bins > 0, "there are no histories");
  physics::check(physics::TimeBins{h.bin_edges_gyr});
  require(h.bin_edges_gyr.size() == std::size_t(h.bins) + 1, "bin_edges_gyr has ",
          h.bin_edges_gyr.size(), " values, expected one more than the ", h.bins, " bins");
  require(h.sfr_msun_per_yr.size() == cells && h.log_z_zsun.size() == cells,
          "sfr_msun_per_yr and log_z_zsun must both have the shape [", h.count, ", ", h.bins, "]");
  require(all_finite(h.sfr_msun_per_yr), "dataset 'sfr_msun_per_yr' holds NaN or Inf");
  require(all_finite(h.log_z_zsun), "dataset 'log_z_zsun' holds NaN or Inf");
  require(optional_rows(h.subhalo_id) && optional_rows(h.mass_formed_msun) &&
              optional_rows(h.is_test),
          "subhalo_id, mass_formed_msun and is_test must have one value for each of the ", h.count,
          " histories");
  require(all_finite(h.mass_formed_msun), "dataset 'mass_formed_msun' holds NaN or Inf");
  require(std::all_of(h.is_test.begin(), h.is_test.end(), [](auto v) { return v <= 1; }),
          "dataset 'is_test' must hold 0 and 1 only");
}

Histories read_histories(const std::filesystem::path& file) {
  const H5Reader reader(file);
  reader.require_format("lookback-histories");
  Histories h;
  const Extents shape = reader.extents("sfr_msun_per_yr");
  require(shape.size() == 2, "'", file.string(), "': dataset 'sfr_msun_per_yr' has ", shape.size(),
          " dimensions, expected [histories, bins]");
  require(shape[1] < 1 << 20, "'", file.string(), "': ", shape[1], " time bins are too many");
  h.count = shape[0];
  h.bins = int(shape[1]);
  h.sfr_msun_per_yr = reader.read<float>("sfr_msun_per_yr", shape);
  h.log_z_zsun = reader.read<float>("log_z_zsun", shape);
  h.bin_edges_gyr = reader.read<double>("bin_edges_gyr", {shape[1] + 1});
  if (reader.has("subhalo_id")) h.subhalo_id = reader.read<std::int64_t>("subhalo_id", {h.count});
  if (reader.has("mass_formed_msun"))
    h.mass_formed_msun = reader.read<float>("mass_formed_msun", {h.count});
  if (reader.has("is_test")) h.is_test = reader.read<std::uint8_t>("is_test", {h.count});
  if (reader.has_attribute("/", "source")) h.source = reader.text("/", "source");
  in_file(file, [&] { check(h); });
  return h;
}

HistoryStatistics training_statistics(const Histories& h) {
  const std::vector<float>* const channels[] = {&h.sfr_msun_per_yr, &h.log_z_zsun};
  const auto bins = std::size_t(h.bins);
  HistoryStatistics result{std::vector<double>(2 * bins), std::vector<double>(2 * bins)};
  double n = 0;
  for (std::size_t row = 0; row < std::size_t(h.count); ++row) {
    if (!h.is_test.empty() && h.is_test[row]) continue;
    ++n;
    for (std::size_t c = 0; c < 2; ++c)
      for (std::size_t bin = 0; bin < bins; ++bin) { // Welford's recurrence; std holds squares
        const double value = (*channels[c])[row * bins + bin];
        double &mean = result.mean[c * bins + bin], &squares = result.std[c * bins + bin];
        const double before = value - mean;
        mean += before / n;
        squares += before * (value - mean);
      }
  }
  for (double& squares : result.std) squares = n > 0 ? std::sqrt(squares / n) : 0;
  return result;
}

void write_histories(const OutputFile& output, const Histories& h) {
  check(h);
  H5Writer writer(output.path, output.overwrite);
  write_preamble(writer, "lookback-histories", output);
  if (!h.source.empty()) writer.attribute("/", "source", h.source);
  const Extents cells{h.count, h.bins};
  writer.write<float>("sfr_msun_per_yr", cells, h.sfr_msun_per_yr, "Msun/yr");
  writer.write<float>("log_z_zsun", cells, h.log_z_zsun, "log10(Z/0.0142)");
  writer.write<double>("bin_edges_gyr", {h.bins + 1}, h.bin_edges_gyr, "Gyr");
  if (!h.subhalo_id.empty()) writer.write<std::int64_t>("subhalo_id", {h.count}, h.subhalo_id);
  if (!h.mass_formed_msun.empty())
    writer.write<float>("mass_formed_msun", {h.count}, h.mass_formed_msun, "Msun");
  if (!h.is_test.empty()) writer.write<std::uint8_t>("is_test", {h.count}, h.is_test);
  const HistoryStatistics statistics = training_statistics(h);
  writer.write<double>("normalization/mean", {2, h.bins}, statistics.mean);
  writer.write<double>("normalization/std", {2, h.bins}, statistics.std);
  for (const auto& [cut, left] : h.selection) writer.attribute("selection", cut, left);
  writer.commit();
}

std::vector<double> read_bin_edges(const std::filesystem::path& file) {
  auto edges = H5Reader(file).read<double>("bin_edges_gyr", {-1});
  in_file(file, [&] { physics::check(physics::TimeBins{edges}); });
  return edges;
}

} // namespace lookback::tools
