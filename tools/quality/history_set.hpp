// Histories to compare, from whatever file they come: draws of a prior, held-out simulations.
#pragma once

#include "tools/files/histories.hpp"
#include "tools/files/samples.hpp"

#include <utility>

namespace lookback::tools {

struct HistorySet {
  int bins = 0;
  std::vector<double> bin_edges_gyr;              // [bins + 1] cosmic time
  std::vector<float> sfr_msun_per_yr, log_z_zsun; // [count, bins]

  std::int64_t count() const { return std::int64_t(sfr_msun_per_yr.size()) / bins; }
  const float* sfr(std::int64_t i) const { return sfr_msun_per_yr.data() + i * bins; }
  const float* log_z(std::int64_t i) const { return log_z_zsun.data() + i * bins; }
};

HistorySet history_set(const Samples& samples);
HistorySet history_set(const Histories& histories);
// Those held out of training (is_test), or all where the file does not tell.
HistorySet held_out(const Histories& histories);

// The histories with these numbers.
HistorySet chosen(const HistorySet& set, const std::vector<std::int64_t>& numbers);
// Those that formed at least this mass. Rates below 0 count as 0.
HistorySet above_mass(const HistorySet& set, double mass_msun);
// 0 ... count - 1 in an order drawn by Fisher and Yates.
std::vector<std::int64_t> shuffled(std::int64_t count, std::uint64_t seed, std::uint32_t object);
// Two disjoint random halves.
std::pair<HistorySet, HistorySet> halves(const HistorySet& set, std::uint64_t seed);

// Errors: numbers of bins or their edges differ.
void require_same_bins(const HistorySet& a, const HistorySet& b, const std::string& name_of_b);

} // namespace lookback::tools
