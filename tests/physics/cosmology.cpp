#include "physics/cosmology.hpp"

#include "engine/error.hpp"
#include "engine/hdf5.hpp"
#include "physics/time_bins.hpp"
#include "tests/golden.hpp"

#include <cmath>
#include <doctest/doctest.h>

using namespace lookback;
using namespace lookback::physics;

namespace {

constexpr double tolerance = 1e-9; // spec-physics section 2

void check_against(const H5Reader& file, const std::string& name, double (*function)(double)) {
  const auto z = file.read<double>("planck15/z");
  const auto expected = file.read<double>("planck15/" + name);
  double largest = 0;
  for (std::size_t i = 0; i < z.size(); ++i) {
    const double got = function(z[i]);
    if (got != expected[i])
      largest = std::max(largest, std::abs(got - expected[i]) / std::abs(expected[i]));
  }
  MESSAGE(name << ": largest relative error " << largest);
  CHECK(largest < tolerance);
}

} // namespace

TEST_CASE("the expansion history agrees with astropy's Planck15 from redshift 0 to 20") {
  const auto path = test::golden("physics/cosmology.h5");
  if (path.empty()) return;
  const H5Reader file(path);
  check_against(file, "efunc", hubble_ratio);
  check_against(file, "age", age_gyr);
  check_against(file, "lookback", lookback_time_gyr);
  check_against(file, "luminosity_distance", luminosity_distance_mpc);
}

TEST_CASE("the default time bins are the golden ones") {
  const auto path = test::golden("physics/cosmology.h5");
  if (path.empty()) return;
  const auto edges = H5Reader(path).read<double>("bins/edges_cosmic");
  CHECK(test::max_relative_error(equal_time_bins().edges_gyr, edges) < 1e-12);
}

TEST_CASE("the redshift of an age inverts the age of a redshift") {
  for (const double z : {0.0, 1e-6, 0.0873, 1.0, 6.0, 20.0, 1100.0})
    CHECK(std::abs(redshift_of_age(age_gyr(z)) - z) < 1e-12 * (1 + z));
}

TEST_CASE("age and lookback time add up to the age of the universe") {
  for (const double z : {1e-4, 0.5, 3.0, 15.0})
    CHECK(age_gyr(z) + lookback_time_gyr(z) == doctest::Approx(age_gyr(0)).epsilon(1e-13));
}

TEST_CASE("cosmology refuses a redshift that is negative or not a number") {
  CHECK_THROWS_AS(age_gyr(-0.1), Error);
  CHECK_THROWS_AS(luminosity_distance_mpc(NAN), Error);
  CHECK_THROWS_AS(redshift_of_age(0), Error);
}
