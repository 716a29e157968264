#include "physics/derived.hpp"

#include "engine/error.hpp"
#include "physics/cosmology.hpp"
#include "tests/golden.hpp"
#include "tests/physics/galaxies.hpp"

#include <doctest/doctest.h>

using namespace lookback;
using namespace lookback::physics;
using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;

namespace {

// One rate at one metallicity in every bin.
VectorXd constant_history(Index bins, double sfr, double log_z) {
  VectorXd history(2 * bins);
  history << VectorXd::Constant(bins, sfr), VectorXd::Constant(bins, log_z);
  return history;
}

} // namespace

TEST_CASE("a constant rate gives the mass, times and ages that follow from arithmetic") {
  for (const double z : {0.0, 0.0873, 0.5}) {
    const double t = age_gyr(z);
    const DerivedQuantities q = DerivedModel(equal_time_bins(64), z)(constant_history(64, 3, -0.2));
    CHECK(q.log10_mass_formed_msun == doctest::Approx(std::log10(3e9 * t)).epsilon(1e-13));
    CHECK(q.sfr_10 == doctest::Approx(3).epsilon(1e-12));
    CHECK(q.sfr_100 == doctest::Approx(3).epsilon(1e-12));
    CHECK(q.t50_lookback_gyr == doctest::Approx(0.5 * t).epsilon(1e-12));
    CHECK(q.t90_lookback_gyr == doctest::Approx(0.1 * t).epsilon(1e-12));
    CHECK(q.age_mass_weighted_gyr == doctest::Approx(t / 2).epsilon(1e-12));
    CHECK(q.log_z_mass_weighted == doctest::Approx(-0.2).epsilon(1e-12));
  }
}

TEST_CASE("recent star formation averages over the bins that its window reaches") {
  // t_obs is today; the last bin began 50 Myr ago.
  const double today = age_gyr(0);
  const DerivedModel model({{0, today - 0.05, today}}, 0);
  const DerivedQuantities q = model(VectorXd{{1, 9, 0, 0}});
  CHECK(q.sfr_10 == doctest::Approx(9).epsilon(1e-12));
  CHECK(q.sfr_100 == doctest::Approx(5).epsilon(1e-12));
}

TEST_CASE("negative rates count as zero") {
  const DerivedModel model(equal_time_bins(4), 0);
  VectorXd history = constant_history(4, 2, 0);
  history[1] = 0;
  const DerivedQuantities zero = model(history);
  history[1] = -0.3;
  const DerivedQuantities negative = model(history);
  CHECK(negative.log10_mass_formed_msun == zero.log10_mass_formed_msun);
  CHECK(negative.t50_lookback_gyr == zero.t50_lookback_gyr);
  CHECK(negative.log_z_mass_weighted == zero.log_z_mass_weighted);
}

TEST_CASE("the mean metallicity is the logarithm of the mean of Z, not the mean of the logarithm") {
  const DerivedModel model(equal_time_bins(2), 0);
  const DerivedQuantities q = model(VectorXd{{1, 1, -1, 0}});
  CHECK(q.log_z_mass_weighted == doctest::Approx(std::log10(0.55)).epsilon(1e-12));
}

TEST_CASE("light weights ages by the flux of their stars") {
  SspGrid grid = test::small_grid();
  grid.flux.assign(grid.flux.size(), 1.0f);
  const TimeBins bins = equal_time_bins(16);
  const VectorXd history = constant_history(16, 1, 0);
  const DerivedQuantities even = DerivedModel(bins, 0.1, &grid)(history);
  CHECK(even.age_light_weighted_gyr == doctest::Approx(even.age_mass_weighted_gyr).epsilon(1e-12));
  const SspGrid fading = test::small_grid();
  const DerivedQuantities q = DerivedModel(bins, 0.1, &fading)(history);
  CHECK(q.age_light_weighted_gyr < even.age_light_weighted_gyr);
  CHECK(q.age_light_weighted_gyr > 0);
}

TEST_CASE("what the grid does not know is NaN") {
  SspGrid grid = test::small_grid();
  grid.wavelength_angstrom.array() += 5000; // the grid now begins at 8000 Angstrom
  const DerivedModel model(equal_time_bins(16), 0.1, &grid);
  CHECK_FALSE(model.has_surviving_mass());
  CHECK_FALSE(model.has_light_weighted_age());
  const DerivedQuantities q = model(constant_history(16, 1, 0));
  CHECK(std::isnan(q.log10_mass_surviving_msun));
  CHECK(std::isnan(q.age_light_weighted_gyr));
}

TEST_CASE("formed and surviving masses agree with the golden ones") {
  const auto masses_path = test::golden("physics/mass.h5"), path = test::golden("physics/csp.h5");
  if (masses_path.empty() || path.empty()) return;
  const H5Reader masses(masses_path), file(path);
  SspGrid grid = test::csp_grid(file);
  const auto fraction = masses.read<double>("csp_cases/M_total_node", {8, 16});
  grid.surviving_mass_fraction =
      Eigen::Map<const Eigen::Matrix<double, 8, 16, Eigen::RowMajor>>(fraction.data());
  const TimeBins bins{file.read<double>("bin_edges")};
  for (const auto& name : file.list("cases")) {
    const std::string group = "cases/" + name;
    VectorXd history(128);
    history << test::vector(file.read<double>(group + "/sfr")),
        test::vector(file.read<double>(group + "/logZ"));
    const DerivedModel model(bins, file.number(group, "principal_z"), &grid);
    const DerivedQuantities q = model(history);
    const auto expected = [&](const char* which) {
      return masses.read<double>("csp_cases/" + name + "/" + which)[0];
    };
    CHECK(std::pow(10, q.log10_mass_formed_msun) ==
          doctest::Approx(expected("formed")).epsilon(1e-9));
    CHECK(std::pow(10, q.log10_mass_surviving_msun) ==
          doctest::Approx(expected("alive_plus_remnant")).epsilon(1e-9));
  }
}

TEST_CASE("a history without stars has no mass and no mean age") {
  const DerivedQuantities q = DerivedModel(equal_time_bins(4), 0)(constant_history(4, 0, 0));
  CHECK(q.log10_mass_formed_msun == -INFINITY);
  CHECK(std::isnan(q.t50_lookback_gyr));
  CHECK(std::isnan(q.age_mass_weighted_gyr));
  CHECK(q.sfr_10 == 0);
}

TEST_CASE("a galaxy seen before all of its bins has no mass") {
  const SspGrid grid = test::small_grid();
  const DerivedQuantities q = DerivedModel({{5, 8, 11}}, 3, &grid)(constant_history(2, 1, 0));
  CHECK(q.log10_mass_formed_msun == -INFINITY);
  CHECK(q.sfr_100 == 0);
}

TEST_CASE("a history of the wrong length is refused") {
  CHECK_THROWS_AS(DerivedModel(equal_time_bins(4), 0)(VectorXd::Zero(7)), Error);
}
