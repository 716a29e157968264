// The forward model as the tools put it together: what `forward` makes, `sample` must predict from
// the same options.
#include "tools/galaxy/observed_galaxy.hpp"

#include "nn/prior.hpp"
#include "physics/photometry.hpp"
#include "tests/golden.hpp"
#include "tests/tools/files_helpers.hpp"
#include "tests/tools/run_tool.hpp"
#include "tools/files/histories.hpp"
#include "tools/files/mask_ranges.hpp"
#include "tools/files/ssp.hpp"

#include <doctest/doctest.h>

using namespace lookback;
using namespace lookback::test;
using namespace lookback::tools;

namespace {

using Words = std::vector<std::string>;

Words with(Words a, const Words& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

// A grid from the far ultraviolet to the far infrared of known resolution, and a history.
struct Sky {
  Folder folder;

  Sky() {
    physics::SspGrid grid;
    const Eigen::Index count = 6000;
    grid.wavelength_angstrom =
        Eigen::VectorXd::LinSpaced(count, std::log(500.0), std::log(5e7)).array().exp();
    grid.age_gyr = Eigen::VectorXd{{0.001, 0.1, 1, 5, 12}};
    grid.log_z_zsun = Eigen::VectorXd{{-1, 0, 0.3}};
    grid.resolution_sigma_km_s = 60;
    for (const double z : grid.log_z_zsun)
      for (const double age : grid.age_gyr)
        for (const double l : grid.wavelength_angstrom)
          grid.flux.push_back(float(1e-4 / std::pow(age, 0.7) / (1 + std::pow(l / 5000, 3)) *
                                    (1 + 0.3 * std::sin(400 * std::log(l) + z))));
    write_ssp({folder / "ssp.h5"}, grid);
    Histories h;
    h.count = 1;
    h.bins = 8;
    for (int bin = 0; bin <= h.bins; ++bin) h.bin_edges_gyr.push_back(1.7 * bin);
    h.sfr_msun_per_yr = {0, 1, 3, 5, 4, 2, 1, 0.5};
    h.log_z_zsun = {-1, -0.9, -0.7, -0.5, -0.3, -0.2, -0.1, 0};
    write_histories({folder / "histories.h5"}, h);
    std::ofstream(folder / "r.dat") << "# a photon curve\n5500 0\n6000 1\n6500 1\n7000 0\n";
  }

  ToolResult forward(const std::string& out, const Words& more) const {
    return run_tool("forward", with({"--ssp", folder / "ssp.h5", "--input", folder / "histories.h5",
                                     "--redshift", "0.1", "--a-v", "0.4", "--snr", "30",
                                     "--wavelength", "3800:22000:3e-4", "-o", folder / out},
                                    more));
  }
  GalaxyOptions options(const std::string& spectrum) const {
    GalaxyOptions o;
    o.spectrum = folder / spectrum;
    o.ssp = folder / "ssp.h5";
    return o;
  }
  Galaxy open(const GalaxyOptions& o) const {
    std::vector<std::string> notes;
    return open(o, notes);
  }
  Galaxy open(const GalaxyOptions& o, std::vector<std::string>& notes) const {
    return open_galaxy(o, read_histories(folder / "histories.h5").bin_edges_gyr, notes);
  }
};

Eigen::VectorXd truth(const Galaxy& g) {
  const auto &sfr = g.observation.true_sfr_msun_per_yr, &z = g.observation.true_log_z_zsun;
  Eigen::VectorXd history(Eigen::Index(sfr.size() + z.size()));
  history << Eigen::VectorXd::Map(sfr.data(), Eigen::Index(sfr.size())),
      Eigen::VectorXd::Map(z.data(), Eigen::Index(z.size()));
  return history;
}

// Largest difference of the model at the truth from the mock without noise, relative.
double largest_error(const Galaxy& g) {
  const Eigen::VectorXd flux = g.model->value(truth(g));
  double largest = 0;
  for (std::size_t p = 0; p < g.observation.noiseless.size(); ++p)
    largest = std::max(largest, std::abs(flux[Eigen::Index(p)] / g.observation.noiseless[p] - 1));
  return largest;
}

} // namespace

TEST_CASE("a mock made with any choice of the model is predicted by the same choice") {
  const Sky sky;
  struct Case {
    Words words;
    ModelOptions model;
  };
  std::vector<Case> cases(5);
  cases[0].words = {"--sigma-v", "150", "--lsf", "90"}; // both are read back from the mock
  cases[1].words = {"--resampling", "flux-conserving"};
  cases[1].model.resampling = "flux-conserving";
  cases[2].words = {"--age-rule", "bin-centre"};
  cases[2].model.age_rule = "bin-centre";
  cases[3].words = {"--age-rule", "linear-in-age"};
  cases[3].model.age_rule = "linear-in-age";
  cases[4].words = {"--dust-emission", "blackbody", "--dust-temperature", "1500",
                    "--dust-beta",     "1.6",       "--age-rule",         "even-512"};
  cases[4].model.dust_emission = "blackbody";
  cases[4].model.dust_temperature_k = 1500; // hot, so that it shines on these pixels
  cases[4].model.dust_beta = 1.6;
  cases[4].model.age_rule = "even-512";
  const ToolResult plain = sky.forward("plain.h5", {});
  REQUIRE_MESSAGE(plain.exit_code == 0, plain.err);
  const Galaxy reference = sky.open(sky.options("plain.h5"));
  CHECK(largest_error(reference) < 1e-12);
  for (const Case& c : cases) {
    CAPTURE(c.words[0]);
    const ToolResult made = sky.forward("mock.h5", with(c.words, {"--overwrite"}));
    REQUIRE_MESSAGE(made.exit_code == 0, made.err);
    GalaxyOptions o = sky.options("mock.h5");
    o.model = c.model;
    const Galaxy g = sky.open(o);
    CHECK(largest_error(g) < 1e-12);
    const Eigen::VectorXd flux = g.model->value(truth(g)), other = reference.model->value(truth(g));
    CHECK((flux - other).cwiseAbs().maxCoeff() > 1e-3 * other.maxCoeff()); // the choice matters
  }
}

TEST_CASE("the kernel is the quadratic difference of instrument and library, with the stars") {
  const Sky sky;
  REQUIRE(sky.forward("mock.h5", {"--sigma-v", "150", "--lsf", "90"}).exit_code == 0);
  GalaxyOptions o = sky.options("mock.h5");
  const Galaxy g = sky.open(o);
  CHECK(g.sigma_v.value == 150);
  CHECK(g.sigma_v.from == "file");
  CHECK(g.lsf_from == "file");
  const double expected = std::sqrt(90.0 * 90 - 60.0 * 60 + 150.0 * 150);
  for (const double kernel : resolution(g).kernel) CHECK(kernel == doctest::Approx(expected));

  o.model.sigma_v_km_per_s = 0;
  o.model.lsf = "50"; // sharper than the library
  const Galaxy sharp = sky.open(o);
  CHECK(sharp.sigma_v.from == "option");
  const Resolution r = resolution(sharp);
  CHECK(r.sharper == std::int64_t(r.kernel.size()));
  CHECK(r.unchanged == r.sharper);
  o.model.lsf = "none";
  const Galaxy none = sky.open(o);
  CHECK(sharp.model->value(truth(g)) == none.model->value(truth(g)));
  CHECK(resolution(none).unchanged == 0);
}

TEST_CASE("dust emission left open is none beyond 1 micron too, and is said") {
  const Sky sky;
  REQUIRE(sky.forward("mock.h5", {}).exit_code == 0);
  CHECK(contains(sky.forward("again.h5", {}).err, "dust emission is left out"));
  std::vector<std::string> notes;
  GalaxyOptions o = sky.options("mock.h5");
  sky.open(o, notes);
  REQUIRE(notes.size() == 1);
  CHECK(contains(notes[0], "dust emission is left out"));
  for (const bool chosen : {true, false}) { // by word, or because there is no dust
    notes.clear();
    o.model.dust_emission = chosen ? std::optional<std::string>("none") : std::nullopt;
    o.a_v = chosen ? 0.4 : 0.0;
    sky.open(o, notes);
    CHECK(notes.empty());
  }
}

TEST_CASE("photometry joins the pixels in maggies, magnitudes by their definition") {
  const Sky sky;
  REQUIRE(sky.forward("mock.h5", {}).exit_code == 0);
  std::filesystem::copy_file(sky.folder / "r.dat", sky.folder / "twin.dat");
  std::ofstream(sky.folder / "bands.txt") << "# filter value error unit\n\n"
                                             "r.dat 17.5 0.1 AB\ntwin.dat 1e-7 2e-9 maggies # W\n";
  GalaxyOptions o = sky.options("mock.h5");
  o.photometry = sky.folder / "bands.txt";
  const Galaxy g = sky.open(o);
  const std::size_t pixels = g.observation.flux.size();
  const Measurements m = measurements(g);
  REQUIRE(m.flux.size() == pixels + 2);
  CHECK(m.flux[pixels] == doctest::Approx(1e-7).epsilon(1e-12)); // 10^(-0.4 * 17.5)
  CHECK(m.ivar[pixels] == doctest::Approx(1 / std::pow(1e-7 * 0.4 * std::log(10) * 0.1, 2)));
  CHECK(m.flux[pixels + 1] == 1e-7);
  CHECK(m.ivar[pixels + 1] == doctest::Approx(1 / (2e-9 * 2e-9)));
  // Both bands are one curve; its light is the mean of the spectrum's f_nu over it.
  const Eigen::VectorXd flux = g.model->value(truth(g));
  CHECK(flux[Eigen::Index(pixels)] ==
        doctest::Approx(flux[Eigen::Index(pixels) + 1]).epsilon(1e-13));
  double light = 0, reference = 0; // over pixels even in ln l, so dl is l times a constant
  for (std::size_t p = 0; p < pixels; ++p) {
    const double l = g.observation.wavelength_angstrom[p];
    const double t = std::clamp(std::min((l - 5500) / 500, (7000 - l) / 500), 0.0, 1.0);
    light += flux[Eigen::Index(p)] * 1e-17 * t * l * l;
    reference += t;
  }
  const double maggies = light / (2.99792458e18 * reference) / 3631e-23;
  CHECK(flux[Eigen::Index(pixels)] == doctest::Approx(maggies).epsilon(1e-3)); // two quadratures
}

TEST_CASE("a calibration polynomial within its prior costs no chi2, and no more than its modes") {
  const Sky sky;
  REQUIRE(sky.forward("mock.h5", {}).exit_code == 0);
  GalaxyOptions o = sky.options("mock.h5");
  o.calibration_degree = 3;
  o.calibration_prior = 0.05;
  Galaxy g = sky.open(o);
  const Eigen::VectorXd flux = g.model->value(truth(g));
  const auto n = double(flux.size());
  const double low = g.observation.wavelength_angstrom.front(),
               high = g.observation.wavelength_angstrom.back();
  for (Eigen::Index p = 0; p < flux.size(); ++p) { // 5 % of the first order, no noise
    const double x = 2 * (g.observation.wavelength_angstrom[std::size_t(p)] - low) / (high - low);
    g.observation.flux[std::size_t(p)] = flux[p] * (1 + 0.05 * (x - 1));
  }
  const nn::Normalization unused;
  const double calibrated = SpectrumLikelihood(*g.model, unused, measurements(g)).chi2(flux)[0];
  g.calibration = {};
  const double rigid = SpectrumLikelihood(*g.model, unused, measurements(g)).chi2(flux)[0];
  CHECK(rigid > 0.1 * n);
  // The coefficient is 1 sigma of its prior; the rest is the modes' use of the noisy flux.
  CHECK(calibrated < 0.02 * rigid);
}

TEST_CASE("masks are ranges or files of ranges") {
  const Folder folder;
  std::ofstream(folder / "mask.txt") << "# telluric\n6860 6960\n\n7590:7720 # A band\n";
  using Ranges = std::vector<std::pair<double, double>>;
  CHECK(mask_ranges("5000:5100") == Ranges{{5000, 5100}});
  CHECK(mask_ranges(folder / "mask.txt") == Ranges{{6860, 6960}, {7590, 7720}});
  std::ofstream(folder / "bad.txt") << "6860 6960\n7720 7590\n";
  CHECK(contains(message([&] { mask_ranges(folder / "bad.txt"); }), "line 2"));
  std::ofstream(folder / "empty.txt") << "# nothing\n";
  CHECK(contains(message([&] { mask_ranges(folder / "empty.txt"); }), "holds no range"));
  CHECK(contains(message([&] { mask_ranges("missing.txt"); }), "neither a range"));
}

TEST_CASE("photometry that cannot be used is refused by its line") {
  const Sky sky;
  const auto refusal = [&](const std::string& text) {
    std::ofstream(sky.folder / "bands.txt") << text;
    return message([&] { read_photometry(sky.folder / "bands.txt"); });
  };
  CHECK(contains(refusal("r.dat 17 0.1\n"), "line 1"));
  CHECK(contains(refusal("# x\nr.dat 17 0.1 Vega\n"), "neither AB nor maggies"));
  CHECK(contains(refusal("r.dat 17 0 AB\n"), "positive error"));
  CHECK(contains(refusal("r.dat nan 0.1 AB\n"), "line 1"));
  CHECK(contains(refusal("r.dat 17 0.1 AB\nr.dat 17 0.1 AB\n"), "comes twice"));
  CHECK(contains(refusal("missing.dat 17 0.1 AB\n"), "missing.dat"));
  CHECK(contains(refusal("# nothing\n"), "holds no band"));
  CHECK(contains(message([&] { read_photometry(sky.folder / "none.txt"); }), "none.txt"));
}

TEST_CASE("forward refuses choices of the model that it cannot follow with one line") {
  const Sky sky;
  const auto out = sky.folder / "out.h5";
  for (const Words& words :
       {Words{"--dust-emission", "dl07"}, Words{"--dust-emission", "blackbody"},
        Words{"--dust-emission", "grey"},
        Words{"--dust-emission", "dl07", "--dust-table", sky.folder / "missing.h5"},
        Words{"--dust-emission", "blackbody", "--dust-temperature", "-3", "--dust-beta", "1"},
        Words{"--lsf", "file"}, Words{"--lsf", "sharp"}, Words{"--lsf", "-5"}, Words{"--lsf", "0"},
        Words{"--sigma-v", "-1"}, Words{"--sigma-v", "nan"}, Words{"--resampling", "cubic"},
        Words{"--age-rule", "even-64"}}) {
    CAPTURE(words.back());
    const ToolResult result = sky.forward("out.h5", words);
    CAPTURE(result.err);
    CHECK(refused(result, out));
  }
}
