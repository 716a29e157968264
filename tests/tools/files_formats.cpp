// Round trips of the HDF5 formats, their checks, and SHA-256 against the published vectors.
#include "tools/files/histories.hpp"
#include "tools/files/points.hpp"
#include "tools/files/samples.hpp"
#include "tools/files/sha256.hpp"
#include "tools/files/spectra.hpp"
#include "tools/files/ssp.hpp"

#include "engine/error.hpp"
#include "physics/time_bins.hpp"
#include "tests/golden.hpp"
#include "tests/tools/files_helpers.hpp"
#include "tools/files/atomic_text.hpp"

#include <cmath>
#include <doctest/doctest.h>
#include <fstream>

using namespace lookback;
using namespace lookback::tools;
using namespace lookback::test;

namespace {

Histories two_histories() {
  Histories h;
  h.count = 2;
  h.bins = 3;
  h.sfr_msun_per_yr = {0, 1, 2, 3, 4.5f, 0};
  h.log_z_zsun = {-1, -0.5f, 0, -1, -0.25f, 0.1f};
  h.bin_edges_gyr = {0, 4, 8, 13.8};
  h.subhalo_id = {7, 9};
  h.mass_formed_msun = {1e9f, 2e10f};
  h.is_test = {0, 1};
  h.source = "a test";
  return h;
}

physics::SspGrid small_grid() {
  physics::SspGrid grid;
  grid.wavelength_angstrom = Eigen::VectorXd::LinSpaced(5, 3000, 7000);
  grid.age_gyr = Eigen::Vector3d(1e-3, 1, 10);
  grid.log_z_zsun = Eigen::Vector2d(-1, 0);
  for (int i = 0; i < 30; ++i) grid.flux.push_back(1e-5f * float(i + 1));
  grid.surviving_mass_fraction = Eigen::MatrixXd::Constant(2, 3, 0.6);
  (*grid.surviving_mass_fraction)(1, 0) = 1;
  grid.lsun_erg_per_s = 3.826e33;
  grid.imf = "Kroupa";
  grid.original_medium = "air";
  grid.original_zsun = 0.02;
  grid.resolution_fwhm_angstrom = 2.5;
  return grid;
}

} // namespace

TEST_CASE("histories come back from their file as they were written") {
  const Folder folder;
  const Histories h = two_histories();
  write_histories({folder / "h.h5"}, h);
  const Histories back = read_histories(folder / "h.h5");
  CHECK(back.count == 2);
  CHECK(back.bins == 3);
  CHECK(back.sfr_msun_per_yr == h.sfr_msun_per_yr);
  CHECK(back.log_z_zsun == h.log_z_zsun);
  CHECK(back.bin_edges_gyr == h.bin_edges_gyr);
  CHECK(back.subhalo_id == h.subhalo_id);
  CHECK(back.mass_formed_msun == h.mass_formed_msun);
  CHECK(back.is_test == h.is_test);
  CHECK(back.source == "a test");
}

TEST_CASE("histories that contradict themselves are refused, by name") {
  const Folder folder;
  const auto refusal = [&](auto change) {
    Histories h = two_histories();
    change(h);
    return message([&] { write_histories({folder / "h.h5"}, h); });
  };
  CHECK(contains(refusal([](auto& h) { h.sfr_msun_per_yr[3] = NAN; }),
                 "'sfr_msun_per_yr' holds NaN"));
  CHECK(contains(refusal([](auto& h) { h.log_z_zsun.pop_back(); }), "shape [2, 3]"));
  CHECK(contains(refusal([](auto& h) { h.bin_edges_gyr[1] = 9; }), "increasing"));
  CHECK(contains(refusal([](auto& h) { h.bin_edges_gyr.push_back(20); }),
                 "one more than the 3 bins"));
  CHECK(contains(refusal([](auto& h) { h.is_test = {0}; }), "is_test"));
  CHECK(contains(refusal([](auto& h) { h.is_test = {0, 2}; }), "0 and 1"));
  CHECK(folder.entries() == 0);
}

TEST_CASE("a file of another format is named as what it is") {
  const Folder folder;
  write_histories({folder / "h.h5"}, two_histories());
  CHECK(contains(message([&] { read_ssp(folder / "h.h5"); }),
                 "'lookback-histories' file, expected 'lookback-ssp'"));
}

TEST_CASE("an SSP grid comes back from its file as it was written") {
  const Folder folder;
  const auto grid = small_grid();
  write_ssp({folder / "s.h5"}, grid);
  const auto back = read_ssp(folder / "s.h5");
  CHECK(back.wavelength_angstrom == grid.wavelength_angstrom);
  CHECK(back.age_gyr == grid.age_gyr);
  CHECK(back.log_z_zsun == grid.log_z_zsun);
  CHECK(back.flux == grid.flux);
  CHECK(*back.surviving_mass_fraction == *grid.surviving_mass_fraction);
  CHECK(back.lsun_erg_per_s == 3.826e33);
  CHECK(back.imf == "Kroupa");
  CHECK(back.original_medium == "air");
  CHECK(back.original_zsun == 0.02);
  CHECK(back.resolution_fwhm_angstrom == 2.5);
  CHECK_FALSE(back.resolution_sigma_km_s);
}

TEST_CASE("the real SSP grids are read") {
  for (const char* name : {"ssp/bc03_miles.h5", "ssp/emiles.h5"}) {
    const auto file = golden(name);
    if (file.empty()) return;
    const auto grid = read_ssp(file);
    CHECK(grid.flux.size() == std::size_t(grid.metallicities() * grid.ages() * grid.wavelengths()));
    CHECK(grid.lsun_erg_per_s == 3.828e33);
    CHECK_FALSE(grid.imf.empty());
  }
}

TEST_CASE("points and scores come back as they were written") {
  const Folder folder;
  const Points points{2, 2, 3, std::vector<float>(12, 0.5f), {0, 1}};
  write_points({folder / "p.h5"}, points);
  CHECK(read_points(folder / "p.h5").x == points.x);
  CHECK(read_points(folder / "p.h5").t == points.t);
  write_scores({folder / "s.h5"}, {1, 2, 3, {1, 2, 3, 4, 5, 6}, {6, 5, 4, 3, 2, 1}});
  CHECK(read_scores(folder / "s.h5").score[0] == 6);
}

TEST_CASE("spectra keep their scale whatever unit their file states") {
  const Folder folder;
  const std::vector<double> wavelength{4000, 5000}, flux{2, 3}, ivar{25, 100};
  for (const auto& [unit, scale] :
       {std::pair("1e-17 erg/s/cm2/Angstrom", 1e-17), std::pair("erg/s/cm2/Angstrom", 1.0)}) {
    H5Writer writer(folder / "s.h5", true);
    writer.format("lookback-spectra");
    writer.write<double>("wavelength_angstrom", {2}, wavelength);
    writer.write<double>("flux_erg_s_cm2_angstrom", {1, 2}, flux, unit);
    writer.write<double>("ivar", {1, 2}, ivar);
    writer.commit();
    const Spectra spectra = read_spectra(folder / "s.h5");
    CHECK(spectra.flux_erg_s_cm2_angstrom[1] == doctest::Approx(3 * scale).epsilon(1e-15));
    CHECK(spectra.ivar[1] == doctest::Approx(100 / (scale * scale)).epsilon(1e-15));
  }
}

TEST_CASE("quantiles interpolate between order statistics and leave NaN out") {
  const double levels[] = {0, 0.25, 0.5, 1};
  CHECK(quantiles({4, 1, NAN, 3, 2}, levels) == std::vector<double>{1, 1.75, 2.5, 4});
  CHECK(std::isnan(quantiles({NAN}, levels)[0]));
  CHECK(quantiles({-INFINITY, -INFINITY}, levels)[1] == -INFINITY);
}

TEST_CASE("samples of a posterior come back as they were written, with their summary") {
  const Folder folder;
  Samples s;
  s.draws = 5;
  s.bins = 2;
  s.sfr_msun_per_yr = {1, 10, 2, 20, 3, 30, 4, 40, 5, 50};
  s.log_z_zsun.assign(10, -0.5f);
  s.bin_edges_gyr = {0, 7, 14};
  s.quantities = {{"log10_mass_formed_msun", "log10(Msun)", {10, 11, 12, 13, 14}}};
  s.sample_stats = {{"chi2", "", {1, 2, 3, 4, NAN}}};
  s.constants = {{"redshift", "", {0.1}}, {"a_v", "mag", {0.25}}};
  s.attributes = {{"method", "cla"}, {"seed", std::int64_t{7}}, {"wall_seconds", 1.5}};
  Observation& o = s.observation;
  o.wavelength_angstrom = {4000, 5000, 6000};
  o.flux = {1, 2, 3};
  o.ivar = {4, 0, 4};
  o.mask = {0, mask_no_ivar, mask_user};
  o.name = "galaxy";
  o.source = "mock";
  o.true_sfr_msun_per_yr = {3, 30};
  o.true_log_z_zsun = {-1, 0};
  o.true_bin_edges_gyr = {0, 7, 14};
  s.model_flux.assign(15, 2.5f);
  write_samples({folder / "s.h5"}, s);

  const Samples back = read_samples(folder / "s.h5");
  CHECK(back.posterior);
  CHECK(back.sfr_msun_per_yr == s.sfr_msun_per_yr);
  CHECK(back.log_z_zsun == s.log_z_zsun);
  CHECK(back.bin_edges_gyr == s.bin_edges_gyr);
  REQUIRE(back.quantities.size() == 1);
  CHECK(back.quantities[0].name == "log10_mass_formed_msun");
  CHECK(back.quantities[0].unit == "log10(Msun)");
  CHECK(back.quantities[0].values == s.quantities[0].values);
  REQUIRE(back.sample_stats.size() == 1);
  CHECK(std::isnan(back.sample_stats[0].values[4]));
  CHECK(back.constants.size() == 2);
  CHECK(back.observation.redshift == 0.1);
  CHECK(back.observation.flux == o.flux);
  CHECK(back.observation.mask == o.mask);
  CHECK(back.observation.true_sfr_msun_per_yr == o.true_sfr_msun_per_yr);
  CHECK(back.model_flux == s.model_flux);
  const H5Reader reader(folder / "s.h5");
  CHECK(reader.text("/", "method") == "cla");
  CHECK(reader.number("/", "seed") == 7);
  CHECK(reader.read<float>("summary/sfr_msun_per_yr", {5, 2})[2 * 2 + 1] == 30); // the medians
}

TEST_CASE("samples of a prior need no observation") {
  const Folder folder;
  Samples s;
  s.posterior = false;
  s.draws = 1;
  s.bins = 1;
  s.sfr_msun_per_yr = {1};
  s.log_z_zsun = {0};
  s.bin_edges_gyr = {0, 14};
  write_samples({folder / "s.h5"}, s);
  const Samples back = read_samples(folder / "s.h5");
  CHECK_FALSE(back.posterior);
  CHECK(back.observation.flux.empty());
}

TEST_CASE("SHA-256 gives the digests of FIPS 180-4's examples") {
  CHECK(sha256("abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  CHECK(sha256("") == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  CHECK(sha256("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq") ==
        "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
  CHECK(sha256(std::string(1000000, 'a')) ==
        "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
  const Folder folder;
  write_text(folder / "abc", "abc", false);
  CHECK(sha256_of_file(folder / "abc") == sha256("abc"));
  CHECK(contains(message([&] { sha256_of_file(folder / "no"); }), "cannot read"));
}
