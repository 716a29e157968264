#include "tools/prepare/cumulative.hpp"

#include "engine/error.hpp"
#include "tools/files/in_range.hpp"
#include "tools/prepare/monotone_curve.hpp"
#include "tools/prepare/star_histories.hpp"

#include <algorithm>
#include <cmath>
#include <span>

namespace lookback::tools {
namespace {

struct Table {
  std::vector<double> time_gyr, mass_msun, z; // [T], [N, T], [N]
  std::vector<std::int64_t> id;               // [N] or empty
};

Table read_table(const std::filesystem::path& file) {
  const H5Reader reader(file);
  const std::string time = "cosmic_time_gyr", mass = "mass_formed_msun";
  const std::string z = reader.has("metallicity_scalar") ? "metallicity_scalar" : "metallicity";
  Table t;
  t.time_gyr = reader.read<double>(time, {-1});
  const auto times = std::int64_t(t.time_gyr.size());
  require(times >= 2 && t.time_gyr[0] >= 0 &&
              std::adjacent_find(t.time_gyr.begin(), t.time_gyr.end(), std::greater_equal<>()) ==
                  t.time_gyr.end(),
          "'", file.string(), "': dataset '", time, "' must hold two or more increasing times");
  t.mass_msun = reader.read<double>(mass, {-1, times});
  const auto count = std::int64_t(t.mass_msun.size()) / times;
  t.z = reader.read<double>(z, {count});
  require_in_range(file, z, t.z, 0, 1);
  if (reader.has("subhalo_id")) t.id = reader.read<std::int64_t>("subhalo_id", {count});
  for (std::int64_t i = 0; i < count; ++i) {
    const auto row = std::span(t.mass_msun).subspan(std::size_t(i * times), std::size_t(times));
    require(row[0] >= 0 && std::is_sorted(row.begin(), row.end()), "'", file.string(),
            "': dataset '", mass, "' falls in row ", i, ", expected the mass formed until then");
  }
  return t;
}

} // namespace

Histories make_cumulative_histories(const CumulativeOptions& o) {
  require(std::isfinite(o.max_log_z), "--max-log-z must be finite");
  const Table table = read_table(o.file);
  const double end_gyr = table.time_gyr.back();
  Histories h;
  h.bin_edges_gyr =
      o.bins_of.empty() ? equal_edges_gyr(end_gyr, o.bins) : read_bin_edges(o.bins_of);
  h.bins = int(h.bin_edges_gyr.size()) - 1;
  const std::size_t times = table.time_gyr.size(), skip = table.time_gyr[0] > 0;
  std::vector<double> x(times + skip), y(times + skip); // with the big bang
  std::copy(table.time_gyr.begin(), table.time_gyr.end(), x.begin() + std::int64_t(skip));
  for (std::size_t i = 0; i < table.z.size(); ++i) {
    const double log_z = log_z_zsun(table.z[i]);
    if (log_z > o.max_log_z) continue;
    std::copy_n(table.mass_msun.begin() + std::int64_t(i * times), times,
                y.begin() + std::int64_t(skip));
    const MonotoneCurve formed(x, y);
    for (int bin = 0; bin < h.bins; ++bin) {
      const double early = h.bin_edges_gyr[bin], late = std::min(h.bin_edges_gyr[bin + 1], end_gyr);
      const double rate =
          late > early ? (formed(late) - formed(early)) / ((late - early) * 1e9) : 0;
      h.sfr_msun_per_yr.push_back(float(std::max(rate, 0.0))); // no -0 or rounding below it
      h.log_z_zsun.push_back(float(log_z));
    }
    h.mass_formed_msun.push_back(float(y.back()));
    h.subhalo_id.push_back(table.id.empty() ? std::int64_t(i) : table.id[i]);
  }
  h.count = std::int64_t(h.subhalo_id.size());
  h.selection = {{"in_file", std::int64_t(table.z.size())}, {"below_max_log_z", h.count}};
  require(h.count > 0, "none of the ", table.z.size(), " galaxies of '", o.file.string(),
          "' is below --max-log-z ", o.max_log_z);
  h.source = "mass formed until given times, " + o.file.string();
  return h;
}

} // namespace lookback::tools
