#include "physics/galaxy_model.hpp"

#include "engine/error.hpp"
#include "physics/attenuation.hpp"
#include "physics/basis.hpp"
#include "physics/composite_spectrum.hpp"
#include "physics/cosmology.hpp"
#include "physics/history_weights.hpp"
#include "physics/redshift.hpp"
#include "physics/resampling.hpp"
#include "tests/golden.hpp"
#include "tests/physics/galaxies.hpp"

#include <doctest/doctest.h>

using namespace lookback;
using namespace lookback::physics;
using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;

namespace {

constexpr double flux_tolerance = 1e-11;     // spec-physics section 9; the contract asks 1e-9
constexpr double jacobian_tolerance = 1e-10; // of a column's maximum; the contract asks 1e-8
constexpr double flux_unit = 1e-17;

// The whole way as separate stages on the grid's own wavelengths: the readable form of the model.
Chain stages(const SspGrid& grid, const TimeBins& bins, double z, double a_v,
             std::span<const double> wavelength) {
  const ObservedBins seen = observe(bins, age_gyr(z));
  const VectorXd& rest = grid.wavelength_angstrom;
  const double dimming = flux_per_luminosity(z, grid.lsun_erg_per_s) / flux_unit;
  return Chain({std::make_shared<HistoryWeights>(seen.count(), seen.formed, grid.log_z_zsun),
                std::make_shared<Basis>(rest_frame_basis(grid, seen)),
                std::make_shared<Scaling>(transmission(calzetti_curve(rest), a_v)),
                std::make_shared<Scaling>(VectorXd::Constant(rest.size(), dimming)),
                std::make_shared<Resampler>(ResamplingRule::linear, rest, wavelength, z)});
}

const std::vector<double> small_wavelengths = {3000, 3400.5, 4000, 5123.4, 6300.1, 8000, 9500};

GalaxyModel small_model(double z = 0.1) {
  return {test::small_grid(), equal_time_bins(16), z, 0.3, small_wavelengths, flux_unit};
}

MatrixXd small_histories(Index n, unsigned seed = 21) {
  MatrixXd x(32, n);
  x.topRows(16) = test::uniform(16, n, 0, 5, seed);
  x.bottomRows(16) = test::uniform(16, n, -0.39, 0.29, seed + 1);
  return x;
}

} // namespace

TEST_CASE("the rest-frame spectrum, its attenuation and its flux agree with the golden ones") {
  const auto path = test::golden("physics/csp.h5");
  if (path.empty()) return;
  const H5Reader file(path);
  const SspGrid grid = test::csp_grid(file);
  const TimeBins bins{file.read<double>("bin_edges")};
  const VectorXd curve = calzetti_curve(grid.wavelength_angstrom);
  double rest_error = 0, attenuated_error = 0, flux_error = 0;
  for (const auto& name : file.list("cases")) {
    const std::string group = "cases/" + name;
    const double z = file.number(group, "principal_z"), a_v = file.number(group, "principal_av");
    const ObservedBins seen = observe(bins, age_gyr(z));
    const HistoryWeights weights(64, seen.formed, grid.log_z_zsun);
    const VectorXd rest = rest_frame_basis(grid, seen) *
                          weights.value(test::golden_history(file, std::string("cases/") + name));
    const VectorXd attenuated = rest.cwiseProduct(transmission(curve, a_v));
    const VectorXd flux = flux_per_luminosity(z, grid.lsun_erg_per_s) * attenuated;
    const auto error = [&](const VectorXd& got, const char* dataset) {
      return test::largest_ratio_error(got, test::vector(file.read<double>(group + dataset)));
    };
    rest_error = std::max(rest_error, error(rest, "/rest_csp"));
    attenuated_error = std::max(attenuated_error, error(attenuated, "/attenuated"));
    flux_error = std::max(flux_error, error(flux, "/obs_flux"));
  }
  MESSAGE("largest relative errors: rest " << rest_error << ", attenuated " << attenuated_error
                                           << ", flux " << flux_error);
  CHECK(rest_error < flux_tolerance);
  CHECK(attenuated_error < flux_tolerance);
  CHECK(flux_error < flux_tolerance);
}

TEST_CASE("the spectra of the other age rules agree with the golden variants") {
  const auto path = test::golden("physics/csp.h5");
  if (path.empty()) return;
  const H5Reader file(path);
  const SspGrid grid = test::csp_grid(file);
  const TimeBins bins{file.read<double>("bin_edges")};
  for (const auto& name : file.list("cases")) {
    const std::string group = "cases/" + name;
    const ObservedBins seen = observe(bins, age_gyr(file.number(group, "principal_z")));
    const HistoryWeights weights(64, seen.formed, grid.log_z_zsun);
    const VectorXd c = weights.value(test::golden_history(file, std::string("cases/") + name));
    for (const auto& [rule, dataset] : {std::pair{AgeRule::bin_centre, "/rest_csp_bin_centre"},
                                        {AgeRule::linear_in_age, "/rest_csp_linage"}}) {
      const MatrixXd mass = mass_per_sfr(seen, grid.age_gyr, rule);
      VectorXd rest = VectorXd::Zero(grid.wavelengths());
      for (Index j = 0; j < grid.metallicities(); ++j)
        rest += grid.spectra(j) * (mass * c.segment(j * seen.formed, seen.formed));
      const VectorXd wanted = test::vector(file.read<double>(group + dataset));
      CHECK(test::largest_ratio_error(rest, wanted) < flux_tolerance);
    }
  }
}

TEST_CASE("a constant rate gives the spectrum of the peers' comparison") {
  const auto path = test::golden("physics/csp.h5"), peers = test::golden("physics/csp_peers.h5");
  if (path.empty() || peers.empty()) return;
  const H5Reader file(path), comparison(peers);
  const SspGrid grid = test::csp_grid(file);
  const ObservedBins seen = observe({{0, 12.613965197975732}}, 12.613965197975732);
  const HistoryWeights weights(1, 1, grid.log_z_zsun);
  const VectorXd got = rest_frame_basis(grid, seen) * weights.value(VectorXd{{1, 0.06}});
  const VectorXd wanted = test::vector(comparison.read<double>("dsps/constant_own"));
  CHECK(test::largest_ratio_error(got, wanted) < flux_tolerance);
}

TEST_CASE("the SDSS flux of every golden history agrees at every redshift and A_V") {
  const auto path = test::golden("physics/csp.h5");
  if (path.empty()) return;
  const H5Reader file(path);
  const SspGrid grid = test::csp_grid(file);
  const TimeBins bins{file.read<double>("bin_edges")};
  const auto wavelength = file.read<double>("sdss_wave");
  const auto redshifts = file.read<double>("z_values"), a_vs = file.read<double>("av_values");
  const std::vector<std::string> masks = {"z0.0", "z0.05", "z0.0873", "z0.5"};
  const auto names = file.list("cases");
  REQUIRE(names.size() == 8);

  MatrixXd histories(128, names.size());
  std::vector<std::vector<double>> expected; // [case][z, A_V, pixel]
  for (std::size_t c = 0; c < names.size(); ++c) {
    histories.col(c) = test::golden_history(file, std::string("cases/") + names[c]);
    expected.push_back(file.read<double>("cases/" + names[c] + "/obs_flux_sdss_all"));
  }
  double largest = 0;
  for (std::size_t z = 0; z < redshifts.size(); ++z)
    for (std::size_t v = 0; v < a_vs.size(); ++v) {
      const GalaxyModel model(grid, bins, redshifts[z], a_vs[v], wavelength);
      CHECK(model.inside() == file.read<std::uint8_t>(masks[z] + "/sdss_mask"));
      const MatrixXd flux = model.value(histories);
      for (std::size_t c = 0; c < names.size(); ++c) {
        const double* wanted = expected[c].data() + (z * a_vs.size() + v) * wavelength.size();
        const VectorXd row = Eigen::Map<const VectorXd>(wanted, Index(wavelength.size()));
        largest = std::max(largest, test::largest_ratio_error(flux.col(c), row));
      }
    }
  MESSAGE("SDSS flux, 8 histories x 4 redshifts x 4 A_V: largest relative error " << largest);
  CHECK(largest < flux_tolerance);
}

TEST_CASE("the Jacobians agree with the golden ones") {
  const auto path = test::golden("physics/csp.h5");
  if (path.empty()) return;
  const H5Reader file(path);
  const SspGrid grid = test::csp_grid(file);
  const TimeBins bins{file.read<double>("bin_edges")};
  const auto wavelength = file.read<double>("sdss_wave");
  double largest = 0;
  for (const auto& name : file.list("jacobian")) {
    const std::string group = "cases/" + name;
    const GalaxyModel model(grid, bins, file.number(group, "principal_z"),
                            file.number(group, "principal_av"), wavelength);
    const MatrixXd j = model.jacobian(test::golden_history(file, std::string("cases/") + name));
    const auto by_sfr = file.read<double>("jacobian/" + name + "/dF_dSFR");
    const auto by_log_z = file.read<double>("jacobian/" + name + "/dF_dlogZ");
    for (Index i = 0; i < 128; ++i) {
      const double* wanted = (i < 64 ? by_sfr : by_log_z).data() + (i % 64) * model.pixels();
      const Eigen::Map<const VectorXd> column(wanted, model.pixels());
      const double scale = column.cwiseAbs().maxCoeff();
      const double difference = (j.col(i) - column).cwiseAbs().maxCoeff();
      largest = std::max(largest, scale > 0 ? difference / scale : difference);
    }
  }
  MESSAGE("Jacobian: largest error over the maximum of its column " << largest);
  CHECK(largest < jacobian_tolerance);
}

TEST_CASE("a galaxy seen before all of its bins gives zeros, not NaN") {
  const TimeBins late{{5, 8, 11, 13}};
  const GalaxyModel model(test::small_grid(), late, 3, 0.3, small_wavelengths);
  const MatrixXd x = MatrixXd::Ones(6, 2);
  CHECK(model.value(x) == MatrixXd::Zero(model.pixels(), 2));
  CHECK(model.jvp(x, x) == MatrixXd::Zero(model.pixels(), 2));
  CHECK(model.vjp(x, MatrixXd::Ones(model.pixels(), 2)) == MatrixXd::Zero(6, 2));
  CHECK(model.jacobian(x.col(0)) == MatrixXd::Zero(model.pixels(), 6));
}

TEST_CASE("the folded model is the chain of its stages, in value and derivatives") {
  const GalaxyModel model = small_model();
  const Chain chain = stages(test::small_grid(), equal_time_bins(16), 0.1, 0.3, small_wavelengths);
  const MatrixXd x = small_histories(5), d = test::uniform(32, 5, -1, 1, 31);
  const MatrixXd u = test::uniform(Index(small_wavelengths.size()), 5, -1, 1, 32);
  CHECK(model.value(x).isApprox(chain.value(x), 1e-13));
  CHECK(model.jvp(x, d).isApprox(chain.jvp(x, d), 1e-13));
  CHECK(model.vjp(x, u).isApprox(chain.vjp(x, u), 1e-13));
  CHECK(model.jacobian(x.col(0)).isApprox(chain.jacobian(x.col(0)), 1e-13));
  CHECK(test::adjoint_error(chain, x) < 1e-12);
}

TEST_CASE("the model's Jacobian products are adjoint, its slope, and its Jacobian's") {
  const GalaxyModel model = small_model();
  const MatrixXd x = small_histories(5), d = test::uniform(32, 5, -1, 1, 31);
  CHECK(test::adjoint_error(model, x) < 1e-12);
  CHECK(test::slope_error(model, x) < 1e-8);
  for (Index n = 0; n < x.cols(); ++n)
    CHECK((model.jacobian(x.col(n)) * d.col(n)).isApprox(model.jvp(x, d).col(n), 1e-13));
}

TEST_CASE("bins after the epoch of observation neither shine nor have a slope") {
  const GalaxyModel model = small_model(0.5);
  const Index formed = model.observed_bins().formed;
  REQUIRE(formed < model.bins());
  MatrixXd x = small_histories(1);
  const MatrixXd before = model.value(x), j = model.jacobian(x);
  x.middleRows(formed, model.bins() - formed).setConstant(1e6);
  CHECK(model.value(x) == before);
  CHECK(j.middleCols(formed, model.bins() - formed).isZero(0));
  CHECK(j.rightCols(model.bins() - formed).isZero(0));
}

TEST_CASE("pixels that the grid does not cover are zero and marked") {
  const GalaxyModel model = small_model();
  CHECK(model.inside() == std::vector<std::uint8_t>{0, 1, 1, 1, 1, 1, 0});
  const MatrixXd flux = model.value(small_histories(1));
  CHECK(flux(0, 0) == 0);
  CHECK(flux(6, 0) == 0);
  CHECK(flux.middleRows(1, 5).minCoeff() > 0);
}

TEST_CASE("a history's spectrum and gradient have the same bits in every batch") {
  const GalaxyModel model = small_model();
  const MatrixXd x = small_histories(75);
  const MatrixXd u = test::uniform(model.pixels(), 75, -1, 1, 41);
  const MatrixXd flux = model.value(x), gradient = model.vjp(x, u);
  for (const Index n : {0, 1, 30, 31, 32, 63, 64, 74}) {
    CHECK(model.value(x.col(n)) == flux.col(n));
    CHECK(model.vjp(x.col(n), u.col(n)) == gradient.col(n));
    CHECK(model.value(x.middleCols(n, 75 - n)).col(0) == flux.col(n));
  }
}

TEST_CASE("the flux unit divides the flux") {
  const SspGrid grid = test::small_grid();
  const TimeBins bins = equal_time_bins(16);
  const MatrixXd x = small_histories(2);
  const GalaxyModel cgs(grid, bins, 0.1, 0.3, small_wavelengths);
  CHECK((cgs.value(x) / flux_unit).isApprox(small_model().value(x), 1e-14));
}

TEST_CASE("a galaxy model refuses arguments outside its domain") {
  const SspGrid grid = test::small_grid();
  const TimeBins bins = equal_time_bins(16);
  CHECK_THROWS_AS(GalaxyModel(grid, bins, -0.1, 0, small_wavelengths), Error);
  CHECK_THROWS_AS(GalaxyModel(grid, bins, 0.1, -1, small_wavelengths), Error);
  CHECK_THROWS_AS(GalaxyModel(grid, bins, 0.1, 0, std::vector{5000.0, -1.0}), Error);
  CHECK_THROWS_AS(GalaxyModel(grid, bins, 0.1, 0, small_wavelengths, 0), Error);
  CHECK_THROWS_AS(small_model().value(MatrixXd::Ones(31, 1)), Error);
  CHECK_THROWS_AS(small_model().vjp(MatrixXd::Ones(32, 1), MatrixXd::Ones(3, 1)), Error);
}
