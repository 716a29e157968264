#include "physics/photometry.hpp"

#include "engine/error.hpp"
#include "physics/units.hpp"
#include "tests/physics/galaxies.hpp"

#include <doctest/doctest.h>

using namespace lookback;
using namespace lookback::physics;
using Eigen::VectorXd;

namespace {

constexpr double light_angstrom_per_s = 1e8 * units::speed_of_light_cm_per_s;

Band triangle() {
  return {"triangle", VectorXd{{4500, 5000, 5100, 6000}}, VectorXd{{0, 0.8, 0.7, 0}}};
}

VectorXd axis() {
  return VectorXd::LinSpaced(4001, 3000, 9000);
}

} // namespace

TEST_CASE("a source of 3631 Jy at all frequencies has 1 maggie, AB magnitude 0, in every band") {
  const VectorXd f = light_angstrom_per_s * 3631e-23 / axis().array().square(); // f_nu = const
  // Each 1.5 A pixel holds 1/l^2 at its centre instead of its mean: (1.5/l)^2 / 4 at most.
  CHECK(double((band_rows(triangle(), axis(), 0).weights * f)[0]) ==
        doctest::Approx(1).epsilon(1e-7));
  CHECK(ab_magnitude(1) == 0);
  CHECK(ab_magnitude(1e-8) == doctest::Approx(20));
}

TEST_CASE("a band of constant response counts photons") {
  // Flat F_lambda through T = 1 on [a, b]: <f_nu> = F (b^2 - a^2) / (2 c ln(b/a)).
  const Band box{"box", VectorXd{{4501.2, 5203.4}}, VectorXd{{1, 1}}};
  const double a = 4501.2, b = 5203.4;
  const double expected =
      1e-17 * (b * b - a * a) / (2 * light_angstrom_per_s * std::log(b / a)) / 3631e-23;
  const VectorXd f = VectorXd::Constant(4001, 1e-17);
  CHECK(double((band_rows(box, axis(), 0).weights * f)[0]) ==
        doctest::Approx(expected).epsilon(1e-13));
}

TEST_CASE("a band's maggies do not depend on the scale of its curve or on added zeros") {
  Band padded = triangle();
  padded.wavelength_angstrom = VectorXd{{100, 4500, 5000, 5100, 6000, 1e5}};
  padded.transmission = 3 * VectorXd{{0, 0, 0.8, 0.7, 0, 0}};
  const VectorXd f = test::uniform(4001, 1, 0, 1, 4);
  const BandRows plain = band_rows(triangle(), axis(), 0.1), other = band_rows(padded, axis(), 0.1);
  CHECK(other.inside);
  CHECK(test::relative_error(other.weights * f, plain.weights * f) < 1e-12);
}

TEST_CASE("a band that the spectrum does not cover is zero and marked") {
  const BandRows rows = band_rows(triangle(), axis(), 0.6); // begins at 4800 Angstrom
  CHECK_FALSE(rows.inside);
  CHECK(rows.weights.nonZeros() == 0);
  CHECK(band_rows(triangle(), axis(), 0.4).inside);
}

TEST_CASE("the slopes of a band in redshift and of a magnitude are derivatives") {
  const VectorXd f = test::uniform(4001, 1, 0, 1, 4);
  const double z = 0.123456, step = 1e-7;
  const double difference = ((band_rows(triangle(), axis(), z + step).weights * f)[0] -
                             (band_rows(triangle(), axis(), z - step).weights * f)[0]) /
                            (2 * step);
  const double slope = (band_rows(triangle(), axis(), z).by_redshift * f)[0];
  CHECK(slope == doctest::Approx(difference).epsilon(1e-6));
  CHECK(ab_magnitude_slope(0.3) ==
        doctest::Approx((ab_magnitude(0.3001) - ab_magnitude(0.2999)) / 2e-4).epsilon(1e-6));
}

TEST_CASE("bands that are no curves are refused") {
  CHECK_THROWS_AS(check(Band{"x", VectorXd{{1}}, VectorXd{{1}}}), Error);
  CHECK_THROWS_AS(check(Band{"x", VectorXd{{2, 1}}, VectorXd{{1, 1}}}), Error);
  CHECK_THROWS_AS(check(Band{"x", VectorXd{{1, 2}}, VectorXd{{0, 0}}}), Error);
  CHECK_THROWS_AS(check(Band{"x", VectorXd{{1, 2}}, VectorXd{{0, NAN}}}), Error);
  CHECK_THROWS_AS(check(Band{"x", VectorXd{{1, 2}}, VectorXd{{0, 1, 1}}}), Error);
}
