#include "physics/redshift.hpp"

#include "physics/cosmology.hpp"
#include "physics/units.hpp"
#include "tests/golden.hpp"
#include "tests/physics/galaxies.hpp"

#include <doctest/doctest.h>
#include <numbers>

using namespace lookback;
using namespace lookback::physics;

TEST_CASE("flux per luminosity agrees with the golden factors") {
  const auto path = test::golden("physics/csp.h5");
  if (path.empty()) return;
  const H5Reader file(path);
  for (const auto& [group, z] :
       {std::pair{"/z0.0", 0.0}, {"/z0.05", 0.05}, {"/z0.0873", 0.0873}, {"/z0.5", 0.5}})
    CHECK(flux_per_luminosity(z, 3.828e33) ==
          doctest::Approx(file.number(group, "Lsun_per_A_to_cgs")).epsilon(1e-11));
}

TEST_CASE("all the light that leaves a galaxy crosses the sphere around it") {
  // Integral of F dl_obs times 4 pi d_L^2 is the luminosity, at any redshift.
  const physics::SspGrid grid = test::small_grid();
  const Eigen::VectorXd rest = grid.wavelength_angstrom;
  const Eigen::VectorXd luminosity = grid.spectra(1).col(2);
  const auto integral = [](const Eigen::VectorXd& x, const Eigen::VectorXd& y) {
    const Eigen::Index n = x.size() - 1;
    return ((x.tail(n) - x.head(n)).array() * (y.tail(n) + y.head(n)).array()).sum() / 2;
  };
  for (const double z : {1e-3, 0.0873, 0.5, 2.0, 7.0}) {
    const Eigen::VectorXd flux = flux_per_luminosity(z, units::lsun_erg_per_s) * luminosity;
    const double distance = luminosity_distance_mpc(z) * units::mpc_cm;
    const double leaving = 4 * std::numbers::pi * distance * distance *
                           integral((1 + z) * rest, flux) / units::lsun_erg_per_s;
    CHECK(leaving == doctest::Approx(integral(rest, luminosity)).epsilon(1e-12));
  }
}
