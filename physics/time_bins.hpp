// Bins of cosmic time, the axis of every history. Bin i spans [edges[i], edges[i+1]) Gyr since the
// big bang; bin 0 is the earliest. Stars that form after the epoch of observation are not in the
// spectrum, so for one galaxy each bin is cut at t_obs and seen as an interval of stellar ages.
#pragma once

#include <Eigen/Core>
#include <vector>

namespace lookback::physics {

struct TimeBins {
  std::vector<double> edges_gyr; // count + 1 values of cosmic time, increasing

  int count() const { return edges_gyr.empty() ? 0 : static_cast<int>(edges_gyr.size()) - 1; }
};

// `count` equal bins from the big bang to today (Planck15).
TimeBins equal_time_bins(int count = 64);

// Errors: fewer than two edges, not finite, negative, not increasing.
void check(const TimeBins& bins);

// The bins as they appear at cosmic time t_obs. An SFR is the mean rate over the part of its bin
// before t_obs, so the mass formed is SFR * duration. Bins after t_obs have duration 0, ages 0.
struct ObservedBins {
  double observed_gyr;          // t_obs
  Eigen::VectorXd duration_gyr; // [bins]
  Eigen::VectorXd youngest_gyr; // [bins] stellar age at the late end of the bin
  Eigen::VectorXd oldest_gyr;   // [bins] stellar age at the early end of the bin
  Eigen::Index formed;          // bins 0 .. formed-1 have a duration, the others are in the future

  Eigen::Index count() const { return duration_gyr.size(); }
};

ObservedBins observe(const TimeBins& bins, double observed_gyr);

} // namespace lookback::physics
