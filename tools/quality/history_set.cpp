#include "tools/quality/history_set.hpp"

#include "engine/error.hpp"
#include "engine/random.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace lookback::tools {

HistorySet history_set(const Samples& s) {
  return {s.bins, s.bin_edges_gyr, s.sfr_msun_per_yr, s.log_z_zsun};
}

HistorySet history_set(const Histories& h) {
  return {h.bins, h.bin_edges_gyr, h.sfr_msun_per_yr, h.log_z_zsun};
}

HistorySet held_out(const Histories& h) {
  const HistorySet all = history_set(h);
  std::vector<std::int64_t> tests;
  for (std::int64_t i = 0; i < std::int64_t(h.is_test.size()); ++i)
    if (h.is_test[std::size_t(i)]) tests.push_back(i);
  return tests.empty() ? all : chosen(all, tests);
}

HistorySet chosen(const HistorySet& set, const std::vector<std::int64_t>& numbers) {
  HistorySet part{set.bins, set.bin_edges_gyr, {}, {}};
  for (const std::int64_t i : numbers) {
    part.sfr_msun_per_yr.insert(part.sfr_msun_per_yr.end(), set.sfr(i), set.sfr(i) + set.bins);
    part.log_z_zsun.insert(part.log_z_zsun.end(), set.log_z(i), set.log_z(i) + set.bins);
  }
  return part;
}

HistorySet above_mass(const HistorySet& set, double mass_msun) {
  constexpr double yr_per_gyr = 1e9;
  std::vector<std::int64_t> massive;
  for (std::int64_t i = 0; i < set.count(); ++i) {
    double mass = 0;
    for (int b = 0; b < set.bins; ++b)
      mass += std::max(set.sfr(i)[b], 0.0f) * yr_per_gyr *
              (set.bin_edges_gyr[std::size_t(b + 1)] - set.bin_edges_gyr[std::size_t(b)]);
    if (mass >= mass_msun) massive.push_back(i);
  }
  return chosen(set, massive);
}

std::vector<std::int64_t> shuffled(std::int64_t count, std::uint64_t seed, std::uint32_t object) {
  std::vector<std::int64_t> order(static_cast<std::size_t>(count));
  std::iota(order.begin(), order.end(), 0);
  const Stream stream{.seed = seed, .purpose = Purpose::shuffle, .object = object};
  for (std::int64_t i = count - 1; i > 0; --i) {
    const auto j = std::int64_t(stream.uniform(std::uint64_t(i)) * double(i + 1));
    std::swap(order[std::size_t(i)], order[std::size_t(j)]);
  }
  return order;
}

std::pair<HistorySet, HistorySet> halves(const HistorySet& set, std::uint64_t seed) {
  const std::vector<std::int64_t> order = shuffled(set.count(), seed, 0);
  const auto middle = order.begin() + set.count() / 2;
  return {chosen(set, {order.begin(), middle}), chosen(set, {middle, order.end()})};
}

void require_same_bins(const HistorySet& a, const HistorySet& b, const std::string& name_of_b) {
  require(a.bins == b.bins, name_of_b, " has ", b.bins, " time bins, the draws have ", a.bins,
          "; only histories on the same bins can be compared");
  constexpr double rounding_gyr = 1e-6; // of edges that went through text or float32
  for (std::size_t i = 0; i < a.bin_edges_gyr.size(); ++i)
    require(std::abs(a.bin_edges_gyr[i] - b.bin_edges_gyr[i]) <= rounding_gyr, name_of_b,
            ": bin edge ", i, " is at ", b.bin_edges_gyr[i], " Gyr, that of the draws at ",
            a.bin_edges_gyr[i], " Gyr; only histories on the same bins can be compared");
}

} // namespace lookback::tools
