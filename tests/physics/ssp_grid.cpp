#include "physics/ssp_grid.hpp"

#include "engine/error.hpp"
#include "tests/physics/galaxies.hpp"

#include <doctest/doctest.h>

using namespace lookback;
using namespace lookback::physics;

TEST_CASE("spectra are stored by metallicity, age and wavelength, the last fastest") {
  const SspGrid grid = test::small_grid();
  const Eigen::Index z = 2, a = 4, w = 17;
  CHECK(grid.spectra(z)(w, a) == grid.flux[(z * grid.ages() + a) * grid.wavelengths() + w]);
}

TEST_CASE("a valid SSP grid passes its check") {
  CHECK_NOTHROW(check(test::small_grid()));
}

TEST_CASE("an SSP grid that cannot be interpolated is refused") {
  const auto refused = [](auto&& spoil) {
    SspGrid grid = test::small_grid();
    spoil(grid);
    CHECK_THROWS_AS(check(grid), Error);
  };
  refused([](SspGrid& g) { g.age_gyr[0] = 0; });
  refused([](SspGrid& g) { g.age_gyr[3] = g.age_gyr[2]; });
  refused([](SspGrid& g) { g.wavelength_angstrom.reverseInPlace(); });
  refused([](SspGrid& g) { g.log_z_zsun[1] = NAN; });
  refused([](SspGrid& g) { g.log_z_zsun.resize(0); });
  refused([](SspGrid& g) { g.flux.pop_back(); });
  refused([](SspGrid& g) { g.flux[5] = INFINITY; });
  refused([](SspGrid& g) { g.lsun_erg_per_s = 0; });
  refused([](SspGrid& g) { g.original_zsun = -0.02; });
  refused([](SspGrid& g) { g.resolution_fwhm_angstrom = 0; });
  refused([](SspGrid& g) { g.resolution_sigma_km_s = NAN; });
  refused([](SspGrid& g) { g.resolution_fwhm_angstrom = 2.5, g.resolution_sigma_km_s = 60; });
  refused([](SspGrid& g) { g.surviving_mass_fraction = Eigen::MatrixXd::Constant(3, 5, 0.5); });
  refused([](SspGrid& g) { g.surviving_mass_fraction = Eigen::MatrixXd::Constant(3, 6, 1.5); });
}

TEST_CASE("a part of a grid has the same spectra between its ends") {
  const SspGrid grid = test::small_grid(), part = between(grid, 4001, 4999);
  check(part);
  CHECK(part.wavelength_angstrom.size() == 41); // 4000, 4025 .. 4975, 5000
  CHECK(part.wavelength_angstrom[0] == 4000);
  for (Eigen::Index z = 0; z < grid.metallicities(); ++z)
    CHECK(part.spectra(z) == grid.spectra(z).middleRows(40, 41));
  CHECK(between(grid, 0, 1e9).flux == grid.flux);
  CHECK_THROWS_AS(between(grid, 100, 200), Error);
}
