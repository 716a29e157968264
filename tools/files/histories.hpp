// lookback-histories: star-formation and metallicity histories on common bins of cosmic time.
#pragma once

#include "tools/files/output.hpp"

#include <cstdint>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

namespace lookback::tools {

struct Histories {
  std::int64_t count = 0;
  int bins = 0;
  std::vector<float> sfr_msun_per_yr;   // [count, bins] mean rate in the bin, bin 0 the earliest
  std::vector<float> log_z_zsun;        // [count, bins] log10(Z / 0.0142)
  std::vector<double> bin_edges_gyr;    // [bins + 1] cosmic time since the big bang, increasing
  std::vector<std::int64_t> subhalo_id; // [count] or empty
  std::vector<float> mass_formed_msun;  // [count] or empty
  std::vector<std::uint8_t> is_test;    // [count] 1: held out of training; or empty
  std::string source;                   // where they come from, for people; may be empty
  // How many were left after each cut, in this order: attributes of the group `selection`.
  std::vector<std::pair<std::string, std::int64_t>> selection;
};

// Errors: sizes that disagree, edges negative or not increasing, NaN or Inf, is_test not 0 or 1.
void check(const Histories& histories);

// Errors: those of check, by dataset name, and those of H5Reader.
Histories read_histories(const std::filesystem::path& file);

// Mean and standard deviation over the histories that are not is_test, as training has them:
// [2, bins], channel 0 SFR, 1 log Z.
struct HistoryStatistics {
  std::vector<double> mean, std;
};
HistoryStatistics training_statistics(const Histories& histories);

// With the statistics as normalization/mean and normalization/std.
void write_histories(const OutputFile& output, const Histories& histories);

// bin_edges_gyr of a file that has them: histories, a prior. Errors: those of H5Reader; edges
// negative or not increasing.
std::vector<double> read_bin_edges(const std::filesystem::path& file);

} // namespace lookback::tools
