#include "physics/time_bins.hpp"

#include "engine/error.hpp"
#include "physics/cosmology.hpp"

#include <algorithm>
#include <cmath>

namespace lookback::physics {

namespace {

// A part shorter than this fraction of the age of the universe is rounding of t_obs, not a bin.
constexpr double negligible_duration = 1e-12;

} // namespace

TimeBins equal_time_bins(int count) {
  require(count > 0, "time bins: the count is ", count, "; expected at least 1");
  const double today = age_gyr(0);
  TimeBins bins;
  for (int i = 0; i <= count; ++i)
    bins.edges_gyr.push_back(today * (static_cast<double>(i) / count));
  return bins;
}

void check(const TimeBins& bins) {
  const auto& edges = bins.edges_gyr;
  require(edges.size() >= 2, "bin_edges_gyr: ", edges.size(), " values; expected at least 2");
  require(std::isfinite(edges.front()) && edges.front() >= 0, "bin_edges_gyr: the first edge is ",
          edges.front(), " Gyr; expected a cosmic time of 0 or more");
  for (std::size_t i = 1; i < edges.size(); ++i)
    require(std::isfinite(edges[i]) && edges[i] > edges[i - 1], "bin_edges_gyr: edge ", i, " is ",
            edges[i], " Gyr after ", edges[i - 1], "; expected increasing cosmic times");
}

ObservedBins observe(const TimeBins& bins, double observed_gyr) {
  check(bins);
  const Eigen::Index count = bins.count();
  const double shortest = negligible_duration * bins.edges_gyr.back();
  ObservedBins seen{observed_gyr, Eigen::VectorXd::Zero(count), Eigen::VectorXd::Zero(count),
                    Eigen::VectorXd::Zero(count), 0};
  for (Eigen::Index i = 0; i < count; ++i) {
    const double begin = bins.edges_gyr[i];
    const double end = std::min(bins.edges_gyr[i + 1], observed_gyr);
    if (!(observed_gyr - begin >= shortest)) break;
    seen.duration_gyr[i] = end - begin;
    seen.youngest_gyr[i] = observed_gyr - end;
    seen.oldest_gyr[i] = observed_gyr - begin;
    seen.formed = i + 1;
  }
  return seen;
}

} // namespace lookback::physics
