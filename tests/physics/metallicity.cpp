#include "physics/metallicity.hpp"

#include <doctest/doctest.h>

using namespace lookback::physics;

namespace {

const Eigen::VectorXd nodes{{-1.5, -0.5, 0.5}};

double value(double log_z, const Eigen::VectorXd& f) {
  const TwoNodes at = metallicity_nodes(log_z, nodes);
  return (1 - at.share) * f[at.lower] + at.share * f[at.upper];
}

} // namespace

TEST_CASE("metallicity interpolation is linear between nodes and constant outside them") {
  const Eigen::VectorXd f{{1, 3, 11}};
  CHECK(value(-1.25, f) == doctest::Approx(1.5));
  CHECK(value(0.25, f) == doctest::Approx(9));
  CHECK(value(-0.5, f) == 3);
  CHECK(value(-9, f) == 1);
  CHECK(value(+9, f) == 11);
}

TEST_CASE("the slope in metallicity is right-hand at a node and zero where the flux is clamped") {
  const auto slope = [](double log_z) { return metallicity_nodes(log_z, nodes).slope; };
  CHECK(metallicity_nodes(-0.5, nodes).lower == 1);
  CHECK(slope(-0.5) == 1);
  CHECK(slope(-1.5) == 1);
  CHECK(slope(-1.6) == 0);
  CHECK(slope(0.5) == 0);
  CHECK(slope(0.6) == 0);
}

TEST_CASE("a grid of one metallicity has no slope") {
  const TwoNodes at = metallicity_nodes(0.1, Eigen::VectorXd::Zero(1));
  CHECK(at.lower == 0);
  CHECK(at.upper == 0);
  CHECK(at.slope == 0);
}
