// The executable `forward` against the golden spectra and Jacobians of csp.h5 (all cases, redshifts
// and A_V), its mocks against the noise they claim, and bad input.
#include "engine/hdf5.hpp"
#include "engine/random.hpp"
#include "physics/time_bins.hpp"
#include "tests/golden.hpp"
#include "tests/tools/files_helpers.hpp"
#include "tests/tools/run_tool.hpp"
#include "tools/files/histories.hpp"
#include "tools/files/spectra.hpp"
#include "tools/files/ssp.hpp"

#include <cmath>
#include <doctest/doctest.h>
#include <span>

using namespace lookback;
using namespace lookback::tools;
using namespace lookback::test;
namespace fs = std::filesystem;

namespace {

struct Csp {
  H5Reader file;
  std::vector<std::string> cases = file.list("cases");
  std::vector<double> redshift = file.read<double>("z_values"),
                      a_v = file.read<double>("av_values");
  std::vector<double> wavelength = file.read<double>("sdss_wave");
  std::size_t geometries() const { return redshift.size() * a_v.size(); }
};

void write_golden_ssp(const Csp& csp, const fs::path& path) {
  const auto axis = [&](const char* name) {
    const auto values = csp.file.read<double>(name);
    return Eigen::VectorXd(Eigen::VectorXd::Map(values.data(), Eigen::Index(values.size())));
  };
  physics::SspGrid grid;
  grid.wavelength_angstrom = axis("ssp/wave_vac");
  grid.age_gyr = axis("ssp/age");
  grid.log_z_zsun = axis("ssp/logZ");
  grid.flux = csp.file.read<float>("ssp/flux");
  write_ssp({path}, grid);
}

void write_pairs(const fs::path& path, const Csp& csp, const std::vector<std::string>& cases,
                 const std::vector<double>& redshift, const std::vector<double>& a_v) {
  std::vector<double> sfr, log_z;
  for (const std::string& name : cases) {
    const auto one_sfr = csp.file.read<double>("cases/" + name + "/sfr");
    const auto one_log_z = csp.file.read<double>("cases/" + name + "/logZ");
    sfr.insert(sfr.end(), one_sfr.begin(), one_sfr.end());
    log_z.insert(log_z.end(), one_log_z.begin(), one_log_z.end());
  }
  const auto rows = std::int64_t(redshift.size()), bins = std::int64_t(sfr.size()) / rows;
  H5Writer writer(path, false);
  writer.write<double>("sfr_msun_per_yr", {rows, bins}, sfr);
  writer.write<double>("log_z_zsun", {rows, bins}, log_z);
  writer.write<double>("redshift", {rows}, redshift);
  writer.write<double>("a_v", {rows}, a_v);
  writer.write<double>("wavelength_angstrom", {std::int64_t(csp.wavelength.size())},
                       csp.wavelength);
  writer.commit();
}

Histories constant_history() {
  Histories h;
  h.count = 3;
  h.bins = 8;
  h.bin_edges_gyr = physics::equal_time_bins(8).edges_gyr;
  h.sfr_msun_per_yr.assign(24, 1);
  h.log_z_zsun.assign(24, -0.2f);
  return h;
}

// A folder with the analytic grid and three histories.
struct Inputs : Folder {
  fs::path ssp = *this / "ssp.h5", histories = *this / "histories.h5", output = *this / "out.h5";
  Inputs() {
    CHECK(run_tool("prepare", {"ssp", "analytic", "-o", ssp.string()}).exit_code == 0);
    write_histories({histories}, constant_history());
  }
  ToolResult forward(std::vector<std::string> more) const {
    std::vector<std::string> all{"--ssp", ssp.string(),   "--input", histories.string(),
                                 "-o",    output.string()};
    all.insert(all.end(), more.begin(), more.end());
    return run_tool("forward", all);
  }
};

} // namespace

TEST_CASE("forward reproduces every golden spectrum to 1e-9") {
  const auto path = golden("physics/csp.h5");
  if (path.empty()) return;
  const Csp csp{H5Reader(path)};
  const Folder folder;
  write_golden_ssp(csp, folder / "ssp.h5");
  std::vector<std::string> names;
  std::vector<double> redshift, a_v;
  for (const std::string& name : csp.cases)
    for (const double z : csp.redshift)
      for (const double dust : csp.a_v)
        names.push_back(name), redshift.push_back(z), a_v.push_back(dust);
  write_pairs(folder / "pairs.h5", csp, names, redshift, a_v);
  const auto run =
      run_tool("forward", {"--ssp", (folder / "ssp.h5").string(), "--input",
                           (folder / "pairs.h5").string(), "-o", (folder / "out.h5").string()});
  REQUIRE_MESSAGE(run.exit_code == 0, run.err);
  const Spectra out = read_spectra(folder / "out.h5");
  const std::size_t pixels = csp.wavelength.size();
  double worst = 0;
  for (std::size_t c = 0; c < csp.cases.size(); ++c) {
    const auto expected = csp.file.read<double>("cases/" + csp.cases[c] + "/obs_flux_sdss_all");
    REQUIRE(expected.size() == csp.geometries() * pixels);
    for (std::size_t g = 0; g < csp.geometries(); ++g) {
      CAPTURE(csp.cases[c]);
      CAPTURE(g);
      const auto have = std::span(out.flux_erg_s_cm2_angstrom)
                            .subspan((c * csp.geometries() + g) * pixels, pixels);
      const double error =
          max_relative_error(have, std::span(expected).subspan(g * pixels, pixels));
      CHECK(error <= 1e-9);
      worst = std::max(worst, error);
    }
  }
  MESSAGE("largest relative error of the flux: ", worst);
}

TEST_CASE("forward --jacobian reproduces every golden Jacobian column to 1e-8") {
  const auto path = golden("physics/csp.h5");
  if (path.empty()) return;
  const Csp csp{H5Reader(path)};
  const Folder folder;
  write_golden_ssp(csp, folder / "ssp.h5");
  const auto cases = csp.file.list("jacobian");
  std::vector<double> redshift, a_v;
  for (const std::string& name : cases) {
    redshift.push_back(csp.file.number("cases/" + name, "principal_z"));
    a_v.push_back(csp.file.number("cases/" + name, "principal_av"));
  }
  write_pairs(folder / "pairs.h5", csp, cases, redshift, a_v);
  const auto run = run_tool("forward", {"--ssp", (folder / "ssp.h5").string(), "--input",
                                        (folder / "pairs.h5").string(), "-o",
                                        (folder / "out.h5").string(), "--jacobian"});
  REQUIRE_MESSAGE(run.exit_code == 0, run.err);
  const std::size_t pixels = csp.wavelength.size(), bins = 64;
  const auto have =
      H5Reader(folder / "out.h5")
          .read<double>("jacobian", {std::int64_t(cases.size()), std::int64_t(pixels), 128});
  double worst = 0;
  for (std::size_t c = 0; c < cases.size(); ++c) {
    auto expected = csp.file.read<double>("jacobian/" + cases[c] + "/dF_dSFR");
    const auto by_log_z = csp.file.read<double>("jacobian/" + cases[c] + "/dF_dlogZ");
    expected.insert(expected.end(), by_log_z.begin(), by_log_z.end()); // [2 bins, pixels]
    for (std::size_t column = 0; column < 2 * bins; ++column) {
      std::vector<double> given(pixels);
      for (std::size_t p = 0; p < pixels; ++p)
        given[p] = have[(c * pixels + p) * 2 * bins + column];
      const double error =
          max_relative_error(given, std::span(expected).subspan(column * pixels, pixels));
      CAPTURE(cases[c]);
      CAPTURE(column);
      CHECK(error <= 1e-8);
      worst = std::max(worst, error);
    }
  }
  MESSAGE("largest error of a Jacobian column, relative to its maximum: ", worst);
}

TEST_CASE(
    "mock noise is Gaussian with the mean flux over S/N, the same for any threads and subset") {
  const Inputs in;
  REQUIRE(
      in.forward({"--redshift", "0.1", "--snr", "20", "--seed", "5", "--threads", "1"}).exit_code ==
      0);
  const Spectra all = read_spectra(in.output);
  const std::size_t pixels = all.wavelength_angstrom.size();
  REQUIRE(all.count == 3);
  double mean = 0, sum = 0, squares = 0;
  for (std::size_t p = 0; p < pixels; ++p) mean += all.noiseless[p] / double(pixels);
  for (std::size_t i = 0; i < 3 * pixels; ++i) {
    CHECK(all.ivar[i] == doctest::Approx(400 / (mean * mean)).epsilon(1e-12));
    const double z = (all.flux_erg_s_cm2_angstrom[i] - all.noiseless[i]) * std::sqrt(all.ivar[i]);
    sum += z, squares += z * z;
  }
  const double count = 3 * double(pixels); // bounds: five standard errors of mean and variance
  CHECK(std::abs(sum / count) < 5 / std::sqrt(count));
  CHECK(std::abs(squares / count - 1) < 5 * std::sqrt(2 / count));

  REQUIRE(in.forward({"--redshift", "0.1", "--snr", "20", "--seed", "5", "--index", "2",
                      "--threads", "2", "--overwrite"})
              .exit_code == 0);
  const Spectra last = read_spectra(in.output);
  CHECK(last.flux_erg_s_cm2_angstrom ==
        std::vector(all.flux_erg_s_cm2_angstrom.end() - std::ptrdiff_t(pixels),
                    all.flux_erg_s_cm2_angstrom.end()));
}

TEST_CASE("forward refuses bad input in one line and leaves no output") {
  const Inputs in;
  const auto check = [&](const std::vector<std::string>& arguments, const std::string& part) {
    const auto run = in.forward(arguments);
    CHECK_MESSAGE(refused(run, in.output), run.err);
    CHECK_MESSAGE(contains(run.err, part), run.err);
  };
  check({}, "give --redshift");
  check({"--redshift", "-1"}, "redshift");
  check({"--redshift", "0.1", "--a-v", "-2"}, "a_v");
  check({"--redshift", "0.1", "--wavelength", "9000:4000:1e-4"}, "range");
  check({"--redshift", "0.1", "--wavelength", "40:60:1e-4"}, "within the SSP grid");
  check({"--redshift", "0.1", "--snr", "0"}, "--snr");
  check({"--redshift", "0.1", "--index", "3"}, "has 3 histories");
  check({"--redshift", "0.1", "--no-such-option"}, "no-such-option");
  CHECK(in.entries() == 2);
  std::filesystem::resize_file(in.histories, std::filesystem::file_size(in.histories) / 2);
  check({"--redshift", "0.1"}, "truncated");
}
