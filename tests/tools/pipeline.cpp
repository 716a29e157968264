// The whole path on a small scale: histories, a prior, a mock galaxy, its posterior.
#include "nn/prior.hpp"
#include "tests/golden.hpp"
#include "tests/nn/network_golden.hpp"
#include "tests/tools/files_helpers.hpp"
#include "tests/tools/run_tool.hpp"
#include "tools/files/firefly.hpp"
#include "tools/files/histories.hpp"
#include "tools/files/samples.hpp"
#include "tools/files/ssp.hpp"

#include <algorithm>
#include <cmath>
#include <doctest/doctest.h>

using namespace lookback;
using namespace lookback::test;
using namespace lookback::tools;

namespace {

void must_run(const std::string& tool, const std::vector<std::string>& arguments) {
  const ToolResult run = run_tool(tool, arguments);
  REQUIRE_MESSAGE(run.exit_code == 0, tool, ": ", run.err);
}

std::vector<std::string> with(std::vector<std::string> a, const std::vector<std::string>& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

// Everything the tests below start from.
struct Small {
  Folder folder;
  std::vector<std::string> network = {"--nf", "8",       "--ch-mult", "1", "2", "--num-res-blocks",
                                      "1",    "--batch", "32"};

  Small() {
    must_run("prepare",
             {"synthetic", "--count", "200", "--seed", "4", "-o", folder / "histories.h5"});
    must_run("prepare", {"ssp", "analytic", "-o", folder / "ssp.h5"});
    train("prior.h5", {"--epochs", "2"});
  }
  void train(const std::string& name, const std::vector<std::string>& more) const {
    must_run("train",
             with(with({"--histories", folder / "histories.h5", "-o", folder / name, "--seed", "5"},
                       network),
                  more));
  }
  void mock(const std::string& name, const std::vector<std::string>& more = {}) const {
    must_run("forward", with({"--ssp", folder / "ssp.h5", "--input", folder / "histories.h5",
                              "--count", "2", "--redshift", "0.05", "--a-v", "0.2", "--snr", "50",
                              "--seed", "6", "-o", folder / name},
                             more));
  }
  std::vector<std::string> posterior(const std::string& spectrum, const std::string& out) const {
    return {"--prior",    folder / "prior.h5",
            "--spectrum", folder / spectrum,
            "--ssp",      folder / "ssp.h5",
            "--count",    "6",
            "--steps",    "40",
            "--seed",     "7",
            "-o",         folder / out};
  }
};

std::vector<double> weights(const std::filesystem::path& file) {
  return host(nn::read_prior(file, cpu_backend()).network->params().flat());
}

std::string text(const Samples& samples, const std::string& attribute) {
  for (const auto& [name, value] : samples.attributes)
    if (name == attribute) return std::get<std::string>(value);
  return "";
}

} // namespace

TEST_CASE("histories become a prior, a mock spectrum and posterior draws, the same bits with 1 and "
          "2 threads") {
  const Small s;
  s.train("one.h5", {"--epochs", "2", "--threads", "1"});
  s.train("two.h5", {"--epochs", "2", "--threads", "2"});
  CHECK(weights(s.folder / "one.h5") == weights(s.folder / "two.h5"));

  s.mock("mock.h5");
  must_run("sample", with(s.posterior("mock.h5", "one_thread.h5"), {"--threads", "1"}));
  must_run("sample",
           with(s.posterior("mock.h5", "two_threads.h5"), {"--threads", "2", "--batch", "4"}));
  const Samples one = read_samples(s.folder / "one_thread.h5"),
                two = read_samples(s.folder / "two_threads.h5");
  REQUIRE(one.draws == 6);
  REQUIRE(one.bins == 64);
  CHECK(one.sfr_msun_per_yr == two.sfr_msun_per_yr);
  CHECK(one.log_z_zsun == two.log_z_zsun);
  for (float v : one.model_flux) CHECK(std::isfinite(v));
  must_run("sample", {"--prior", s.folder / "prior.h5", "-o", s.folder / "unconditional.h5",
                      "--count", "3", "--steps", "20", "--seed", "1"});
  CHECK(read_samples(s.folder / "unconditional.h5").draws == 3);
  must_run("report", {s.folder / "one_thread.h5", "-o", s.folder / "figure.svg"});
  CHECK(std::filesystem::file_size(s.folder / "figure.svg") > 1000);
}

TEST_CASE("the published method samples with a prior of the published variables, and no other") {
  const Small s;
  s.mock("mock.h5");
  s.train("published.h5", {"--epochs", "1", "--published"});
  const nn::Prior prior = nn::read_prior(s.folder / "published.h5", cpu_backend());
  CHECK(prior.normalization.sfr == nn::SfrVariable::linear);
  CHECK(!prior.config.preconditioned);
  const auto sample = [&](const std::string& name) {
    return run_tool("sample", {"--prior", s.folder / name, "--spectrum", s.folder / "mock.h5",
                               "--ssp", s.folder / "ssp.h5", "--method", "cla-diagonal", "--count",
                               "2", "--steps", "20", "-o", s.folder / "out.h5"});
  };
  const ToolResult other = sample("prior.h5");
  CHECK(refused(other, s.folder / "out.h5"));
  CHECK(contains(other.err, "--published"));
  CHECK(sample("published.h5").exit_code == 0);
}

TEST_CASE("each method and integrator draws histories that are finite") {
  const Small s;
  s.mock("mock.h5");
  const auto draw = [&](const std::vector<std::string>& more) {
    std::vector<std::string> words = with(s.posterior("mock.h5", "out.h5"), {"--overwrite"});
    words[9] = "8"; // --steps
    must_run("sample", with(words, more));
    const Samples samples = read_samples(s.folder / "out.h5");
    for (const float v : samples.sfr_msun_per_yr) CHECK(std::isfinite(v));
    return samples;
  };
  CHECK(text(draw({"--method", "pigdm", "--integrator", "heun"}), "method") == "pigdm");
  CHECK(text(draw({"--method", "cla", "--integrator", "predictor-corrector"}), "integrator") ==
        "predictor-corrector");
  CHECK(text(draw({"--method", "tmpd"}), "method") == "tmpd");
  const auto tells = [](const Samples& samples, const std::vector<std::string>& names) {
    for (const std::string& name : names)
      CHECK(std::any_of(samples.attributes.begin(), samples.attributes.end(),
                        [&](const auto& a) { return a.first == name; }));
  };
  tells(draw({"--method", "latent", "--latent-moves", "8"}),
        {"latent_accepted", "r_hat_log10_mass", "effective_draws_log_z"});
}

TEST_CASE("dust, redshift and dispersion are drawn with the history, within what was allowed") {
  const Small s;
  s.mock("mock.h5");
  must_run("sample", with(s.posterior("mock.h5", "out.h5"),
                          {"--a-v-range", "0.1:0.9", "--redshift-error", "1e-4"}));
  const Samples samples = read_samples(s.folder / "out.h5");
  const auto drawn = [&](const std::string& name) {
    for (const Quantity& q : samples.quantities)
      if (q.name == name) return q.values;
    return std::vector<double>{};
  };
  REQUIRE(drawn("a_v").size() == 6);
  for (const double a_v : drawn("a_v")) CHECK((a_v >= 0.1 && a_v <= 0.9));
  REQUIRE(drawn("redshift").size() == 6);
  constexpr double rounding = 0.0505 * 6e-8; // the file keeps float32
  for (const double z : drawn("redshift")) CHECK(std::abs(z - 0.05) <= 5e-4 + rounding);
}

TEST_CASE("noise scale and outlier fraction are drawn with the history and kept beside it") {
  const Small s;
  s.mock("mock.h5");
  const auto drawn = [&](const std::vector<std::string>& more, const std::string& name) {
    must_run("sample", with(s.posterior("mock.h5", "out.h5"), with({"--overwrite"}, more)));
    const Samples samples = read_samples(s.folder / "out.h5");
    for (const Quantity& q : samples.quantities)
      if (q.name == name) return q.values;
    return std::vector<double>{};
  };
  const std::vector<std::string> both = {"--jitter", "--outliers", "--a-v-range", "0:1"};
  for (const auto& [options, name, low, high] :
       {std::tuple(both, "noise_scale", 0.5, 5.0), std::tuple(both, "outlier_fraction", 0.0, 1.0),
        std::tuple(both, "a_v", 0.0, 1.0)}) {
    const std::vector<double> values = drawn(options, name);
    REQUIRE(values.size() == 6);
    for (const double v : values) CHECK((v >= low && v <= high));
  }
  CHECK(drawn({"--outliers"}, "noise_scale").empty());
  const auto refused = [&](const std::vector<std::string>& more, const std::string& why) {
    const ToolResult run = run_tool("sample", with(s.posterior("mock.h5", "no.h5"), more));
    CHECK(contains(run.err, why));
    return run.exit_code == 2 && !std::filesystem::exists(s.folder / "no.h5");
  };
  CHECK(refused({"--jitter", "--method", "pigdm"}, "--method dkps"));
  CHECK(refused({"--outliers", "--calibration-degree", "2"}, "--calibration-degree"));
}

TEST_CASE("the draws nearest to the data are kept where asked for, and that is told") {
  const Small s;
  s.mock("mock.h5");
  must_run("sample", s.posterior("mock.h5", "all.h5"));
  must_run("sample", with(s.posterior("mock.h5", "best.h5"), {"--keep-best", "4"}));
  const Samples all = read_samples(s.folder / "all.h5"), best = read_samples(s.folder / "best.h5");
  REQUIRE(best.draws == 4);
  const auto chi2 = [](const Samples& samples) {
    for (const Quantity& q : samples.sample_stats)
      if (q.name == "chi2") return q.values;
    return std::vector<double>{};
  };
  for (const double kept : chi2(best)) {
    const auto drawn = chi2(all);
    CHECK(std::find(drawn.begin(), drawn.end(), kept) != drawn.end());
  }
}

TEST_CASE("a compact prior gives draws like the whole one's, from half the bytes of its weights") {
  const Small s;
  s.train("whole.h5", {"--epochs", "1", "--compact", s.folder / "compact.h5"});
  const std::vector<double> whole = weights(s.folder / "whole.h5"),
                            compact = weights(s.folder / "compact.h5");
  REQUIRE(whole.size() == compact.size());
  for (std::size_t i = 0; i < whole.size(); ++i) // 11 significant bits, 6e-8 where subnormal
    CHECK(std::abs(compact[i] - whole[i]) <= std::abs(whole[i]) / 2048 + 6e-8);
  must_run("sample", {"--prior", s.folder / "compact.h5", "-o", s.folder / "draws.h5", "--count",
                      "2", "--sampler", "heun", "--steps", "5"});
}

TEST_CASE("training resumed reaches the bits of training in one go") {
  const Small s;
  const std::vector<std::string> constant = {"--schedule", "constant"};
  s.train("whole.h5", with(constant, {"--epochs", "3"}));
  s.train("parts.h5", with(constant, {"--epochs", "1"}));
  s.train("parts.h5", with(constant, {"--epochs", "3", "--resume"}));
  CHECK(weights(s.folder / "whole.h5") == weights(s.folder / "parts.h5"));
}

TEST_CASE("sample refuses what it cannot use with one line and leaves nothing behind") {
  const Small s;
  s.mock("mock.h5");
  const auto out = s.folder / "out.h5";
  const auto sample = [&](const std::string& spectrum, const std::vector<std::string>& more = {}) {
    return run_tool("sample", with(s.posterior(spectrum, "out.h5"), more));
  };
  // Wavelengths beyond the grid.
  std::ofstream(s.folder / "beyond.txt") << "5e9 1 0.1\n5.1e9 1 0.1\n5.2e9 1 0.1\n";
  CHECK(refused(sample("beyond.txt", {"--redshift", "0.05"}), out));
  // Other time bins than the prior's.
  Histories other = read_histories(s.folder / "histories.h5");
  for (double& edge : other.bin_edges_gyr) edge *= 0.9;
  write_histories({s.folder / "other.h5"}, other);
  must_run("forward", {"--ssp", s.folder / "ssp.h5", "--input", s.folder / "other.h5", "--count",
                       "1", "--redshift", "0.05", "--snr", "50", "-o", s.folder / "other_bins.h5"});
  const ToolResult bins = sample("other_bins.h5");
  CHECK(refused(bins, out));
  CHECK(contains(bins.err, "time bins"));
  // No such row, no such method, no such prior, output already there.
  CHECK(refused(sample("mock.h5", {"--index", "99"}), out));
  CHECK(refused(sample("mock.h5", {"--method", "magic"}), out));
  CHECK(refused(run_tool("sample", {"--prior", s.folder / "ssp.h5", "-o", out}), out));
  CHECK(run_tool("sample",
                 {"--prior", s.folder / "prior.h5", "--count", "1", "-o", s.folder / "mock.h5"})
            .exit_code == 2);
  CHECK(s.folder.entries() == 7);
}

TEST_CASE("a truncated SDSS file, one without information and one outside the grid are refused") {
  const auto spectrum = golden("spectra/spec-0266-51602-0001.fits");
  if (spectrum.empty()) return;
  const Small s;
  const auto out = s.folder / "out.h5";
  std::filesystem::copy_file(spectrum, s.folder / "good.fits");
  std::filesystem::copy_file(spectrum, s.folder / "short.fits");
  std::filesystem::resize_file(s.folder / "short.fits", 50000);
  const auto sample = [&](const std::string& file, const std::vector<std::string>& more = {}) {
    return run_tool("sample", with(s.posterior(file, "out.h5"), more));
  };
  CHECK(refused(sample("short.fits"), out));
  CHECK(refused(sample("good.fits", {"--mask", "0:1e6"}), out));
  CHECK(refused(sample("good.fits", {"--redshift", "-2"}), out));
  CHECK(sample("good.fits").exit_code == 0);
}

TEST_CASE("a dry run says pixels, resolution, time and memory of every real spectrum and writes "
          "nothing") {
  const auto example = golden("spectra/spec-0266-51602-0001.fits");
  if (example.empty()) return;
  const Small s;
  physics::SspGrid grid = read_ssp(s.folder / "ssp.h5");
  grid.resolution_sigma_km_s.reset();
  grid.resolution_fwhm_angstrom = 2.5;
  write_ssp({s.folder / "ssp.h5", true}, grid);
  const auto before = s.folder.entries();
  for (const char* name : {"spec-0266-51602-0001", "spec-0266-51602-0573", "spec-1045-52725-0628",
                           "spec-3586-55181-0003", "ppxf_NGC3522_SDSS_DR18",
                           "ppxf_NGC4636_SDSS_DR12", "ppxf_NGC3073_SDSS_DR18"}) {
    CAPTURE(name);
    const auto file = golden(std::string("spectra/") + name + ".fits");
    const ToolResult run =
        run_tool("sample", {"--prior", s.folder / "prior.h5", "--spectrum", file, "--ssp",
                            s.folder / "ssp.h5", "--dry-run", "-o", s.folder / "out.h5"});
    CAPTURE(run.err);
    CHECK(run.exit_code == 0);
    for (const char* part : {"pixels of", "emission line", "used", "instrument (file)", "library",
                             "kernel applied", "about", "MB"})
      CHECK(contains(run.err, part));
    CHECK(s.folder.entries() == before);
  }
}

TEST_CASE("FIREFLY's redshift and dust are used, and its history kept beside the draws") {
  const auto spectrum = golden("spectra/spec-0266-51602-0001.fits");
  const auto catalogue = golden("formats/SYNTHETIC_manga-firefly-layout.fits");
  if (spectrum.empty() || catalogue.empty()) return;
  const Small s;
  std::filesystem::copy_file(spectrum, s.folder / "galaxy.fits");
  const FireflyGalaxy firefly = read_firefly(catalogue, "8080-12701");
  must_run("sample", with(s.posterior("galaxy.fits", "out.h5"),
                          {"--firefly", catalogue, "--plateifu", "8080-12701"}));
  const Samples samples = read_samples(s.folder / "out.h5");
  CHECK(samples.observation.redshift == firefly.redshift);
  CHECK(samples.observation.a_v == firefly.a_v);
  CHECK(text(samples, "a_v_from") == "firefly");
  CHECK(text(samples, "sigma_v_from") == "file");
  const physics::TimeBins bins{samples.bin_edges_gyr};
  REQUIRE(samples.bin_constants.size() == 2);
  for (const Quantity& q : samples.bin_constants)
    if (q.name == "firefly_sfr_msun_per_yr")
      CHECK(q.values == summed_history(firefly, bins).sfr_msun_per_yr);
  must_run("report", {s.folder / "out.h5", "-o", s.folder / "figure.svg"});

  must_run("sample", with(s.posterior("galaxy.fits", "mine.h5"),
                          {"--firefly", catalogue, "--plateifu", "8080-12701", "--redshift",
                           "0.02128", "--a-v", "0.1"}));
  CHECK(read_samples(s.folder / "mine.h5").observation.redshift == 0.02128);
}

TEST_CASE("bands, calibration and mask files go through sampling") {
  const Small s;
  s.mock("mock.h5");
  std::ofstream(s.folder / "r.dat") << "5500 0\n6000 1\n6500 1\n7000 0\n";
  std::ofstream(s.folder / "bands.txt") << "r.dat 16 0.1 AB\n";
  std::ofstream(s.folder / "mask.txt") << "5000 5100\n";
  must_run("sample", with(s.posterior("mock.h5", "out.h5"),
                          {"--photometry", s.folder / "bands.txt", "--calibration-degree", "3",
                           "--mask", s.folder / "mask.txt", "8000:8100"}));
  const Samples samples = read_samples(s.folder / "out.h5");
  std::int64_t masked = 0;
  for (const auto bits : samples.observation.mask) masked += (bits & mask_user) != 0;
  CHECK(masked == 140); // 86 + 54 pixels of 1e-4 in log10 wavelength
  bool band = false;
  for (const Quantity& q : samples.sample_stats) band |= q.name == "model_maggies_r";
  CHECK(band);
}

TEST_CASE("sample refuses choices for the galaxy that it cannot follow with one line") {
  const Small s;
  s.mock("mock.h5");
  std::ofstream(s.folder / "far.dat") << "5e9 1\n6e9 1\n";
  std::ofstream(s.folder / "far.txt") << "far.dat 16 0.1 AB\n";
  using Words = std::vector<std::string>;
  for (const Words& words : {Words{"--photometry", "missing.txt"},
                             Words{"--photometry", s.folder / "far.txt"},
                             Words{"--photometry", s.folder / "ssp.h5"},
                             Words{"--mask", "here"},
                             Words{"--mask", s.folder / "far.dat"},
                             Words{"--calibration-degree", "-1"},
                             Words{"--calibration-degree", "2", "--calibration-prior", "0"},
                             Words{"--firefly", s.folder / "mock.h5", "--plateifu", "1-1"},
                             Words{"--firefly", s.folder / "mock.h5"},
                             Words{"--plateifu", "1-1"},
                             Words{"--lsf", "file"},
                             Words{"--lsf", "many"},
                             Words{"--sigma-v", "-1"},
                             Words{"--dust-emission", "dl07"},
                             Words{"--dust-emission", "dl07", "--dust-table", s.folder / "far.txt"},
                             Words{"--dust-emission", "blackbody", "--dust-temperature", "30"},
                             Words{"--age-rule", "none"},
                             Words{"--resampling", "none"},
                             Words{"--a-v-range", "2:1"},
                             Words{"--a-v-range", "much"},
                             Words{"--a-v-range", "0:1", "--a-v", "0.5"},
                             Words{"--sigma-v-range", "-5:5"},
                             Words{"--redshift-error", "0.04"},
                             Words{"--keep-best", "7"},
                             Words{"--keep-best", "2", "--a-v-range", "0:1"},
                             Words{"--latent-moves", "0"},
                             Words{"--integrator", "none"}}) {
    CAPTURE(words[0]);
    CAPTURE(words.back());
    const ToolResult result = run_tool("sample", with(s.posterior("mock.h5", "out.h5"), words));
    CAPTURE(result.err);
    CHECK(refused(result, s.folder / "out.h5"));
  }
  CHECK(refused(run_tool("sample", {"--prior", s.folder / "prior.h5", "--photometry",
                                    s.folder / "far.txt", "-o", s.folder / "out.h5"}),
                s.folder / "out.h5"));
}
