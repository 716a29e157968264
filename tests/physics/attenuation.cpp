#include "physics/attenuation.hpp"

#include "tests/golden.hpp"
#include "tests/physics/galaxies.hpp"

#include <doctest/doctest.h>

using namespace lookback;
using namespace lookback::physics;

TEST_CASE("the Calzetti curve and its transmission agree with the golden ones") {
  const auto path = test::golden("physics/calzetti.h5");
  if (path.empty()) return;
  const H5Reader file(path);
  const auto expected = file.read<double>("recommended");
  const Eigen::VectorXd curve = calzetti_curve(test::vector(file.read<double>("wavelength")));
  const double curve_error = test::largest_ratio_error(curve, test::vector(expected));
  MESSAGE("curve: largest relative error " << curve_error);
  CHECK(curve_error < 1e-12);

  const auto a_v = file.read<double>("A_V");
  const auto transmitted = file.read<double>("transmission");
  for (std::size_t v = 0; v < a_v.size(); ++v) {
    const auto row = transmitted.begin() + std::ptrdiff_t(v) * curve.size();
    const Eigen::VectorXd wanted = test::vector({row, row + curve.size()});
    CHECK(test::largest_ratio_error(transmission(curve, a_v[v]), wanted) < 1e-12);
  }
}

TEST_CASE("the curve's coefficient is 2.659, not the transposed 2.695 of early BAGPIPES") {
  const auto path = test::golden("physics/calzetti.h5");
  if (path.empty()) return;
  const H5Reader file(path);
  const Eigen::VectorXd curve = calzetti_curve(test::vector(file.read<double>("wavelength")));
  const auto transposed = test::vector(file.read<double>("bagpipes_1_3_2"));
  CHECK(test::largest_ratio_error(curve, transposed) > 1e-3);
}

TEST_CASE("the slope of the transmission in A_V is its derivative") {
  const Eigen::VectorXd curve{{0, 0.3, 1, 2.5}};
  const double a_v = 0.5, step = 1e-5;
  const Eigen::VectorXd difference =
      (transmission(curve, a_v + step) - transmission(curve, a_v - step)) / (2 * step);
  CHECK((transmission_slope(curve, a_v) - difference).cwiseAbs().maxCoeff() < 1e-9);
}
