#include "physics/resampling.hpp"

#include "engine/error.hpp"
#include "tests/golden.hpp"
#include "tests/physics/galaxies.hpp"

#include <doctest/doctest.h>

using namespace lookback;
using namespace lookback::physics;
using Eigen::VectorXd;

namespace {

constexpr auto linear = ResamplingRule::linear, conserving = ResamplingRule::flux_conserving;

std::vector<double> even_wavelengths(double first, double step, int count) {
  std::vector<double> axis;
  for (int i = 0; i < count; ++i) axis.push_back(first + i * step);
  return axis;
}

} // namespace

TEST_CASE("resampling agrees with numpy's interpolation and with spectres, past the ends too") {
  const auto path = test::golden("physics/resample.h5");
  if (path.empty()) return;
  const H5Reader file(path);
  const VectorXd source = test::vector(file.read<double>("wave_in"));
  const VectorXd flux = test::vector(file.read<double>("flux_in"));
  // spec-physics section 7: an exact rebinning agrees with spectres to 1.3e-12.
  for (const auto& [rule, name, tolerance] :
       {std::tuple{linear, "linear", 1e-12}, {conserving, "spectres", 2e-12}})
    for (const std::string axis : {"sdss", "coarse", "edge"}) {
      const Resampler resampler(rule, source, file.read<double>(axis + "_wave"));
      const auto wanted = file.read<double>((axis == "edge" ? "edge_" : "") + std::string(name) +
                                            (axis == "edge" ? "" : "_" + axis));
      CHECK(test::largest_ratio_error(resampler.apply(flux), test::vector(wanted)) < tolerance);
    }
}

TEST_CASE("a straight line is interpolated exactly, its ends included") {
  const VectorXd source{{1, 2, 4, 8}};
  const Resampler resampler(linear, source, std::vector<double>{1, 1.5, 3, 8, 7});
  const VectorXd line = 3 * source.array() - 1;
  CHECK(resampler.apply(line).isApprox(VectorXd{{2, 3.5, 8, 23, 20}}, 1e-15));
}

TEST_CASE("pixels outside the source axis are zero and marked, never extrapolated") {
  const VectorXd source{{1, 2, 3}}, five{{5, 5, 5}};
  const Resampler at_points(linear, source, std::vector{0.99, 1.0, 3.0, 3.01});
  CHECK(at_points.inside() == std::vector<std::uint8_t>{0, 1, 1, 0});
  CHECK(at_points.apply(five) == VectorXd{{0, 5, 5, 0}});
  const Resampler over_pixels(conserving, source, std::vector{0.5, 1.0, 1.5, 2.5, 3.5});
  CHECK(over_pixels.inside() == std::vector<std::uint8_t>{0, 1, 1, 1, 0});
  CHECK(over_pixels.apply(five) == VectorXd{{0, 5, 5, 5, 0}});
}

TEST_CASE("flux-conserving resampling conserves the integral, stretched or not") {
  const VectorXd source = VectorXd::LinSpaced(300, 1000, 1299);
  VectorXd flux = test::uniform(300, 1, 0, 1, 3);
  flux.head(20).setZero(); // so that all light falls on complete pixels
  flux.tail(20).setZero();
  for (const double z : {0.0, 0.1})
    for (const double width : {0.3, 1.0, 4.7}) {
      const int count = int((1 + z) * 290 / width);
      const auto target = even_wavelengths((1 + z) * 1005, width, count);
      const double integral = width * Resampler(conserving, source, target, z).apply(flux).sum();
      CHECK(std::abs(integral / ((1 + z) * flux.sum()) - 1) < 1e-13);
    }
}

TEST_CASE("the redshift's slope of resampling is its derivative") {
  const VectorXd source = VectorXd::LinSpaced(300, 1000, 1299),
                 flux = test::uniform(300, 1, 0, 1, 3);
  const auto target = even_wavelengths(1150.0312345, 1.3712321, 150);
  const double z = 0.1, step = 1e-7; // no pixel or edge crosses a node within the step
  for (const auto rule : {linear, conserving}) {
    const VectorXd difference = (Resampler(rule, source, target, z + step).apply(flux) -
                                 Resampler(rule, source, target, z - step).apply(flux)) /
                                (2 * step);
    const Resampler at(rule, source, target, z);
    CHECK(test::relative_error(at.by_redshift() * flux, difference) < 1e-8);
    CHECK(test::adjoint_error(at, flux) < 1e-12);
  }
}

TEST_CASE("resampling refuses axes without pixels and pixels out of order") {
  CHECK_THROWS_AS(Resampler(linear, VectorXd{{1}}, std::vector{1.0}), Error);
  CHECK_THROWS_AS(Resampler(conserving, VectorXd{{1, 2}}, std::vector{1.0}), Error);
  CHECK_THROWS_AS(Resampler(conserving, VectorXd{{1, 2, 3}}, std::vector{2.0, 1.5}), Error);
}
