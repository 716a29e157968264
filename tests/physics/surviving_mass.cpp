#include "physics/surviving_mass.hpp"

#include "engine/error.hpp"
#include "physics/composite_spectrum.hpp"
#include "physics/cosmology.hpp"
#include "physics/history_weights.hpp"
#include "tests/golden.hpp"
#include "tests/physics/galaxies.hpp"

#include <doctest/doctest.h>

using namespace lookback;
using namespace lookback::physics;
using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;

namespace {

// FIREFLY's columns: log Z, age, alive + remnants, alive, ...
SurvivingMassTable golden_table(const H5Reader& file, const std::string& imf, Index column) {
  const auto values = file.read<double>("massloss_" + imf + "/table");
  const MatrixXd rows =
      Eigen::Map<const MatrixXd>(values.data(), 8, Index(values.size()) / 8).transpose();
  return surviving_mass_table(rows.col(0), rows.col(1), rows.col(column));
}

constexpr Index alive_and_remnants = 2, alive = 3;

} // namespace

TEST_CASE("surviving fractions of three mass functions agree with the golden bilinear ones") {
  const auto path = test::golden("physics/mass.h5");
  if (path.empty()) return;
  const H5Reader file(path);
  const auto log_z = file.read<double>("firefly_isd/logZ"),
             age = file.read<double>("firefly_isd/age");
  for (const std::string imf : {"kroupa", "salpeter", "chabrier"}) {
    const auto table = golden_table(file, imf, alive_and_remnants);
    const auto wanted = file.read<double>("firefly_isd/" + imf + "/M_total_bilinear");
    for (std::size_t j = 0; j < log_z.size(); ++j)
      for (std::size_t a = 0; a < age.size(); ++a)
        CHECK(std::abs(surviving_fraction(table, log_z[j], age[a]) - wanted[j * age.size() + a]) <
              1e-14);
  }
}

TEST_CASE("the surviving masses of the golden histories agree") {
  const auto path = test::golden("physics/mass.h5"), csp = test::golden("physics/csp.h5");
  if (path.empty() || csp.empty()) return;
  const H5Reader file(path), histories(csp);
  const SspGrid grid = test::csp_grid(histories);
  const MatrixXd total =
      surviving_fractions(golden_table(file, "kroupa", alive_and_remnants), grid);
  const MatrixXd living = surviving_fractions(golden_table(file, "kroupa", alive), grid);
  const auto nodes = file.read<double>("csp_cases/M_total_node");
  CHECK(test::relative_error(total, Eigen::Map<const MatrixXd>(nodes.data(), 16, 8).transpose()) <
        1e-14);

  const TimeBins bins{histories.read<double>("bin_edges")};
  for (const auto& name : histories.list("cases")) {
    const std::string group = "cases/" + name;
    const ObservedBins seen = observe(bins, age_gyr(histories.number(group, "principal_z")));
    VectorXd history(128);
    history << test::vector(histories.read<double>(group + "/sfr")),
        test::vector(histories.read<double>(group + "/logZ"));
    const HistoryWeights weights(64, seen.formed, grid.log_z_zsun);
    const VectorXd c = weights.value(history);
    const MatrixXd mass = mass_per_sfr(seen, grid.age_gyr) * // [ages, Z] at each node
                          Eigen::Map<const MatrixXd>(c.data(), seen.formed, grid.metallicities());
    const auto error = [&](double got, const char* quantity) {
      const double wanted = file.read<double>("csp_cases/" + name + quantity).front();
      return std::abs(got / wanted - 1);
    };
    CHECK(error(mass.sum(), "/formed") < 1e-11);
    CHECK(error(mass.cwiseProduct(total.transpose()).sum(), "/alive_plus_remnant") < 1e-11);
    CHECK(error(mass.cwiseProduct(living.transpose()).sum(), "/alive") < 1e-11);
  }
}

TEST_CASE("a table's rows may come in any order, and its ends continue") {
  const auto table = surviving_mass_table(VectorXd{{0, -1, 0, -1}}, VectorXd{{10, 1, 0.1, 10}},
                                          VectorXd{{0.5, 0.7, 0.9, 0.6}});
  CHECK(surviving_fraction(table, 0, 1) == doctest::Approx(0.7));
  CHECK(surviving_fraction(table, -0.5, 1) == doctest::Approx(0.7));
  CHECK(surviving_fraction(table, 5, 100) == 0.5);
  CHECK(surviving_fraction(table, -5, 1e-6) == 0.7);
}

TEST_CASE("a table of surviving mass refuses repeated rows and shares outside 0 .. 1") {
  const VectorXd one = VectorXd::Ones(1), two = VectorXd::Ones(2);
  CHECK_THROWS_AS(surviving_mass_table(one, one, two), Error);
  CHECK_THROWS_AS(surviving_mass_table(two, two, 0.5 * two), Error);
  CHECK_THROWS_AS(surviving_mass_table(one, one, 1.5 * one), Error);
  CHECK_THROWS_AS(surviving_mass_table(one, 0 * one, one), Error);
}
