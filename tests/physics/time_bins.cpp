#include "physics/time_bins.hpp"

#include "engine/error.hpp"
#include "physics/cosmology.hpp"

#include <doctest/doctest.h>

using namespace lookback;
using namespace lookback::physics;

TEST_CASE("a bin that straddles the epoch of observation counts with its earlier part") {
  const ObservedBins seen = observe({{0, 1, 2, 3, 4}}, 2.25);
  CHECK(seen.formed == 3);
  CHECK(seen.duration_gyr == Eigen::VectorXd{{1, 1, 0.25, 0}});
  CHECK(seen.youngest_gyr == Eigen::VectorXd{{1.25, 0.25, 0, 0}});
  CHECK(seen.oldest_gyr == Eigen::VectorXd{{2.25, 1.25, 0.25, 0}});
}

TEST_CASE("an epoch on an edge leaves no sliver of the next bin") {
  const TimeBins bins = equal_time_bins(64);
  const ObservedBins seen = observe(bins, bins.edges_gyr[10] * (1 + 1e-15));
  CHECK(seen.formed == 10);
  CHECK(seen.duration_gyr[10] == 0);
}

TEST_CASE("all bins may lie in the future") {
  const ObservedBins seen = observe({{5, 6, 7}}, age_gyr(3));
  CHECK(seen.formed == 0);
  CHECK(seen.duration_gyr.isZero(0));
}

TEST_CASE("equal time bins end today whatever their number") {
  for (const int count : {1, 7, 64, 1000}) {
    const TimeBins bins = equal_time_bins(count);
    CHECK(bins.count() == count);
    CHECK(bins.edges_gyr.front() == 0);
    CHECK(bins.edges_gyr.back() == age_gyr(0));
  }
}

TEST_CASE("time bins that do not increase are refused") {
  CHECK_THROWS_AS(check(TimeBins{{0, 1, 1}}), Error);
  CHECK_THROWS_AS(check(TimeBins{{-1, 1}}), Error);
  CHECK_THROWS_AS(check(TimeBins{{0}}), Error);
  CHECK_THROWS_AS(equal_time_bins(0), Error);
}
