#include "physics/resampling.hpp"

#include "tests/golden.hpp"
#include "tests/physics/galaxies.hpp"

#include <doctest/doctest.h>

using namespace lookback;
using namespace lookback::physics;

TEST_CASE("linear resampling agrees with numpy's interpolation, inside and past the ends") {
  const auto path = test::golden("physics/resample.h5");
  if (path.empty()) return;
  const H5Reader file(path);
  const Eigen::VectorXd source = test::vector(file.read<double>("wave_in"));
  const Eigen::VectorXd flux = test::vector(file.read<double>("flux_in"));
  for (const auto& [axis, expected] : {std::pair{"sdss_wave", "linear_sdss"},
                                       {"coarse_wave", "linear_coarse"},
                                       {"edge_wave", "edge_linear"}}) {
    const LinearResampler resampler(source, file.read<double>(axis));
    const Eigen::VectorXd wanted = test::vector(file.read<double>(expected));
    CHECK(test::largest_ratio_error(resampler.apply(flux), wanted) < 1e-12);
  }
}

TEST_CASE("a straight line is resampled exactly, its ends included") {
  const Eigen::VectorXd source{{1, 2, 4, 8}};
  const std::vector<double> target = {1, 1.5, 3, 8, 7};
  const LinearResampler resampler(source, target);
  const Eigen::VectorXd line = 3 * source.array() - 1;
  CHECK(resampler.apply(line).isApprox(Eigen::VectorXd{{2, 3.5, 8, 23, 20}}, 1e-15));
}

TEST_CASE("pixels outside the source axis are zero and marked, never extrapolated") {
  const LinearResampler resampler(Eigen::VectorXd{{1, 2, 3}}, std::vector{0.99, 1.0, 3.0, 3.01});
  CHECK(resampler.inside() == std::vector<std::uint8_t>{0, 1, 1, 0});
  CHECK(resampler.apply(Eigen::VectorXd{{5, 5, 5}}) == Eigen::VectorXd{{0, 5, 5, 0}});
}
