#include "physics/joint_model.hpp"

#include "engine/error.hpp"
#include "physics/composite_spectrum.hpp"
#include "physics/cosmology.hpp"
#include "physics/galaxy_model.hpp"
#include "physics/redshift.hpp"
#include "tests/golden.hpp"
#include "tests/physics/galaxies.hpp"

#include <doctest/doctest.h>

using namespace lookback;
using namespace lookback::physics;
using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;

namespace {

constexpr Index bins = 16, a_v_row = 32, redshift_row = 33, sigma_v_row = 34;

// 600 log wavelengths from 500 Angstrom to 500 micron, so that dust can shine, with lines.
SspGrid infrared_grid() {
  SspGrid grid = test::small_grid();
  grid.wavelength_angstrom = VectorXd::LinSpaced(600, std::log(500.0), std::log(5e6)).array().exp();
  grid.flux.clear();
  for (const double z : grid.log_z_zsun)
    for (const double age : grid.age_gyr)
      for (const double l : grid.wavelength_angstrom)
        grid.flux.push_back(float(1e-4 / std::pow(age, 0.7) / (1 + std::pow(l / 5000, 3)) *
                                  (1 + 0.3 * std::sin(40 * std::log(l) + z))));
  return grid;
}

// Everything at once: a varying line-spread function, dust emission, two bands.
Instrument full_instrument(const SspGrid& grid, ResamplingRule rule) {
  std::vector<double> pixels;
  for (double l = 3500.123; l < 2e4; l *= 1.0173) pixels.push_back(l);
  Instrument instrument = spectrograph(pixels, 1e-17);
  const auto n = Index(pixels.size());
  instrument.resampling = rule;
  instrument.lsf_km_per_s = VectorXd::LinSpaced(n, 3000, 4000);
  instrument.library_km_per_s = VectorXd::Constant(grid.wavelengths(), 1000);
  instrument.bands = {{"optical", VectorXd{{4000, 4500, 5500, 6000}}, VectorXd{{0, 1, 1, 0}}},
                      {"infrared", VectorXd{{8e4, 1e5, 3e5}}, VectorXd{{0, 1, 0}}}};
  instrument.dust_emission = blackbody_emission(60, 1.6, grid.wavelength_angstrom);
  return instrument;
}

MatrixXd inputs(Index n) {
  MatrixXd x(2 * bins + 3, n);
  x.topRows(bins) = test::uniform(bins, n, 0, 5, 21);
  x.middleRows(bins, bins) = test::uniform(bins, n, -0.39, 0.29, 22);
  x.row(a_v_row) = test::uniform(1, n, 0.1, 1, 23);
  x.row(redshift_row) = test::uniform(1, n, 0.05, 0.4, 24);
  x.row(sigma_v_row) = test::uniform(1, n, 2000, 5000, 25); // several pixels of these grids
  return x;
}

// Scale of a step in each input: rates and log Z 1, A_V 1, redshift 0.1, sigma_v 1000 km/s.
MatrixXd directions(Index n) {
  MatrixXd d = test::uniform(2 * bins + 3, n, -1, 1, 31);
  d.row(redshift_row) *= 0.1;
  d.row(sigma_v_row) *= 1000;
  return d;
}

// Bands are 1e9 times fainter than pixels in these units; each output counts by its own size.
double scaled_error(const MatrixXd& got, const MatrixXd& wanted) {
  double largest = 0;
  for (Index row = 0; row < got.rows(); ++row)
    largest = std::max(largest, test::relative_error(got.row(row), wanted.row(row)));
  return largest;
}

} // namespace

TEST_CASE("with fixed nuisances the joint model is the galaxy model") {
  const SspGrid grid = infrared_grid();
  const MatrixXd x = inputs(3);
  for (const auto rule : {ResamplingRule::linear, ResamplingRule::flux_conserving}) {
    const Instrument instrument = full_instrument(grid, rule);
    const JointModel joint(grid, equal_time_bins(bins), instrument);
    const MatrixXd value = joint.value(x);
    for (Index n = 0; n < x.cols(); ++n) {
      const Nuisance nuisance{x(a_v_row, n), x(redshift_row, n), x(sigma_v_row, n)};
      const GalaxyModel folded(grid, equal_time_bins(bins), nuisance, instrument);
      const VectorXd history = x.col(n).head(2 * bins);
      CHECK(scaled_error(value.col(n), folded.value(history)) < 1e-12);
      CHECK(joint.inside(x.col(n)) == folded.inside());
      CHECK(test::relative_error(joint.jacobian(x.col(n)).leftCols(2 * bins),
                                 folded.jacobian(history)) < 1e-12);
    }
  }
}

TEST_CASE("the joint model's derivatives in every nuisance parameter are central differences") {
  const SspGrid grid = infrared_grid();
  const MatrixXd x = inputs(4);
  for (const auto rule : {ResamplingRule::linear, ResamplingRule::flux_conserving}) {
    const JointModel model(grid, equal_time_bins(bins), full_instrument(grid, rule));
    for (const auto& [row, step, tolerance] :
         {std::tuple{a_v_row, 1e-5, 1e-8}, {redshift_row, 1e-7, 1e-6}, {sigma_v_row, 1e-2, 1e-6}}) {
      MatrixXd d = MatrixXd::Zero(x.rows(), x.cols());
      d.row(row).setOnes();
      const MatrixXd difference =
          (model.value(x + step * d) - model.value(x - step * d)) / (2 * step);
      const double error = scaled_error(model.jvp(x, d), difference);
      MESSAGE("row " << row << ": " << error);
      CHECK(error < tolerance);
    }
  }
}

TEST_CASE("the joint model's Jacobian products are adjoint, its slope, and its Jacobian's") {
  const SspGrid grid = infrared_grid();
  const JointModel model(grid, equal_time_bins(bins),
                         full_instrument(grid, ResamplingRule::flux_conserving));
  const MatrixXd x = inputs(4), d = directions(4);
  const MatrixXd u = test::uniform(model.outputs(), 4, -1, 1, 32);
  const MatrixXd jd = model.jvp(x, d), jtu = model.vjp(x, u);
  for (Index n = 0; n < x.cols(); ++n) {
    const double left = u.col(n).dot(jd.col(n)), right = jtu.col(n).dot(d.col(n));
    CHECK(std::abs(left - right) < 1e-12 * u.col(n).norm() * jd.col(n).norm());
    const MatrixXd j = model.jacobian(x.col(n));
    CHECK(scaled_error(j * d.col(n), jd.col(n)) < 1e-11);
    CHECK(test::relative_error(j.transpose() * u.col(n), jtu.col(n)) < 1e-12);
  }
}

TEST_CASE("ages move with redshift, so that the youngest bin's mass does") {
  // Differences of the mass at each node against its slope, in whole bins and in the one cut.
  const TimeBins edges = equal_time_bins(bins);
  const VectorXd ages = test::small_grid().age_gyr;
  const double z = 0.2, step = 1e-6;
  const auto mass = [&](double at) { return mass_per_sfr(observe(edges, age_gyr(at)), ages); };
  const MatrixXd difference = (mass(z + step) - mass(z - step)) / (2 * step);
  const MatrixXd slope = age_slope_gyr(z) * mass_per_sfr_slope(observe(edges, age_gyr(z)), ages);
  CHECK(test::relative_error(slope, difference) < 1e-7);
  // Complete bins keep their mass, the last gains 1e9 Msun per Gyr and Msun/yr.
  const VectorXd sums = slope.colwise().sum();
  CHECK(sums.head(sums.size() - 1).cwiseAbs().maxCoeff() < 1e-5);
  CHECK(sums[sums.size() - 1] == doctest::Approx(1e9 * age_slope_gyr(z)));
}

TEST_CASE("slopes of age, distance and dimming in redshift are central differences") {
  const double step = 1e-5;
  for (const double z : {0.01, 0.1, 1.0, 6.0}) {
    CHECK(age_slope_gyr(z) ==
          doctest::Approx((age_gyr(z + step) - age_gyr(z - step)) / (2 * step)).epsilon(1e-6));
    CHECK(luminosity_distance_slope_mpc(z) ==
          doctest::Approx((luminosity_distance_mpc(z + step) - luminosity_distance_mpc(z - step)) /
                          (2 * step))
              .epsilon(1e-8));
    const double dimming =
        std::log(flux_per_luminosity(z + step, 1)) - std::log(flux_per_luminosity(z - step, 1));
    CHECK(flux_per_luminosity_log_slope(z) == doctest::Approx(dimming / (2 * step)).epsilon(1e-5));
  }
}

TEST_CASE("energy is conserved from the stars to every pixel: the spectrum's integral") {
  const SspGrid grid = test::small_grid();
  const VectorXd& rest = grid.wavelength_angstrom;
  VectorXd luminosity = test::uniform(rest.size(), 1, 0, 1, 3);
  luminosity.head(10).setZero(); // so that all light falls on complete pixels
  luminosity.tail(10).setZero();
  const double z = 0.3;
  std::vector<double> pixels;
  for (double l = 1.3 * 3100; l < 1.3 * 7900; l += 7.7) pixels.push_back(l);
  Instrument instrument = spectrograph(pixels);
  instrument.resampling = ResamplingRule::flux_conserving;
  const LightPath path(rest, 3.828e33, instrument, {.a_v = 0, .redshift = z});
  // F dl_obs = L dl_rest / (4 pi d_L^2)
  const double observed = 7.7 * path.apply(luminosity).sum();
  const double emitted = 25 * luminosity.sum() * flux_per_luminosity(z, 3.828e33) * (1 + z);
  CHECK(std::abs(observed / emitted - 1) < 1e-12);
  CHECK(test::adjoint_error(path, luminosity) < 1e-12);
}

TEST_CASE("a galaxy that formed nothing yet is dark in the joint model") {
  const JointModel model(test::small_grid(), {{5, 8, 11, 13}}, spectrograph(std::vector{5e4, 6e4}));
  VectorXd x(9);
  x << 1, 1, 1, 0, 0, 0, 0.3, 3, 0;
  CHECK(model.value(x) == MatrixXd::Zero(2, 1));
  CHECK(model.vjp(x, MatrixXd::Ones(2, 1)) == MatrixXd::Zero(9, 1));
}

TEST_CASE("the joint model refuses parameters outside its domain") {
  const JointModel model(test::small_grid(), equal_time_bins(bins),
                         spectrograph(std::vector{5000.0, 6000.0}));
  for (const auto& [row, wrong] :
       {std::pair{a_v_row, -0.1}, {redshift_row, 0.0}, {redshift_row, NAN}, {sigma_v_row, -1.0}}) {
    MatrixXd x = inputs(1);
    x(row, 0) = wrong;
    CHECK_THROWS_AS(model.value(x), Error);
  }
  CHECK_THROWS_AS(model.value(MatrixXd::Ones(34, 1)), Error);
  Instrument instrument = spectrograph(std::vector{5000.0, 6000.0});
  instrument.lsf_km_per_s = VectorXd::Ones(3);
  const VectorXd rest = test::small_grid().wavelength_angstrom;
  CHECK_THROWS_AS(LightPath(rest, 1, instrument, {}), Error);
  CHECK_THROWS_AS(
      LightPath(rest, 1, spectrograph(std::vector{5000.0}), {.a_v = 0, .redshift = -0.1}), Error);
}
