// prepare cumulative against closed forms and 1,000 real histories, and bad input.
#include "tools/prepare/cumulative.hpp"
#include "tests/golden.hpp"
#include "tests/tools/files_helpers.hpp"
#include "tests/tools/run_tool.hpp"
#include "tools/prepare/monotone_curve.hpp"

#include <cmath>
#include <doctest/doctest.h>

using namespace lookback;
using namespace lookback::tools;
using namespace lookback::test;

namespace {

constexpr double float_rounding = 0x1p-24;

void write_cumulative(const std::filesystem::path& file, const std::vector<double>& time,
                      const std::vector<double>& mass, const std::vector<double>& z) {
  H5Writer writer(file, true);
  const auto times = std::int64_t(time.size()), count = std::int64_t(z.size());
  writer.write<double>("cosmic_time_gyr", {times}, time);
  writer.write<double>("mass_formed_msun", {count, times}, mass);
  writer.write<double>("metallicity", {count}, z);
  writer.commit();
}

void write_edges(const std::filesystem::path& file, const std::vector<double>& edges_gyr) {
  H5Writer writer(file, true);
  writer.write<double>("bin_edges_gyr", {std::int64_t(edges_gyr.size())}, edges_gyr);
  writer.commit();
}

} // namespace

TEST_CASE("the monotone curve has the slopes of Fritsch and Butland") {
  // Chords 1 and 7: slope 2 / (1/1 + 1/7) = 1.75 in the middle; 0 (cut) and 10 at the ends.
  const MonotoneCurve curve({0, 1, 2}, {0, 1, 8});
  CHECK(curve(0.5) == doctest::Approx(0.28125).epsilon(1e-14));
  CHECK(curve(1.5) == doctest::Approx(3.46875).epsilon(1e-14));
  CHECK(curve(-1) == 0);
  CHECK(curve(3) == 8);
  const MonotoneCurve line({0, 1, 1.5, 4}, {1, 3, 4, 9});
  for (const double x : {0.2, 1.0, 1.4, 3.9}) CHECK(line(x) == doctest::Approx(1 + 2 * x));
}

TEST_CASE("the monotone curve never falls between points that rise, and is flat where they are") {
  const MonotoneCurve curve({0, 1, 1.1, 2, 3, 3.01, 5}, {0, 0, 5, 5, 5.1, 90, 91});
  constexpr double rounding = 4 * 91 * 0x1p-53; // of the sum of the terms
  double before = 0;
  for (double x = 0; x <= 5; x += 1e-3) {
    CHECK(curve(x) >= before - rounding);
    before = curve(x);
  }
  CHECK(curve(0.5) == 0);
  CHECK(curve(1.5) == 5);
}

TEST_CASE("a constant rate comes back, and a bin that the last time cuts has the rate before it") {
  const Folder folder;
  write_edges(folder / "bins.h5", {0, 4, 8, 12, 16});
  write_cumulative(folder / "table.h5", {1, 2, 5, 10}, {1e9, 2e9, 5e9, 1e10}, {0.00142});
  const Histories h =
      make_cumulative_histories({.file = folder / "table.h5", .bins_of = folder / "bins.h5"});
  for (int i = 0; i < 3; ++i) CHECK(h.sfr_msun_per_yr[i] == doctest::Approx(1).epsilon(1e-7));
  CHECK(h.sfr_msun_per_yr[3] == 0);
  for (const float log_z : h.log_z_zsun) CHECK(log_z == doctest::Approx(-1).epsilon(1e-7));
  CHECK(h.mass_formed_msun == std::vector<float>{1e10f});
}

TEST_CASE("real histories keep their mass in every bin") {
  const auto file = golden("simulations/sfh_pst_illustris_1000.h5");
  if (file.empty()) return;
  const Folder folder;
  const H5Reader reader(file);
  const auto time = reader.read<double>("cosmic_time_gyr");
  const auto mass = reader.read<double>("mass_formed_msun");
  const std::vector<std::size_t> nodes = {3, 10, 20, 98};
  std::vector<double> edges = {0};
  for (const std::size_t k : nodes) edges.push_back(time[k]);
  write_edges(folder / "bins.h5", edges);
  const Histories h =
      make_cumulative_histories({.file = file, .bins_of = folder / "bins.h5", .max_log_z = 1});
  REQUIRE(h.count == 1000);
  CHECK(h.subhalo_id == reader.read<std::int64_t>("subhalo_id"));
  double worst = 0;
  for (std::size_t i = 0; i < 1000; ++i)
    for (std::size_t bin = 0; bin < 4; ++bin) {
      const double before = bin > 0 ? mass[i * 99 + nodes[bin - 1]] : 0;
      const double formed = mass[i * 99 + nodes[bin]] - before;
      const double found = h.sfr_msun_per_yr[i * 4 + bin] * (edges[bin + 1] - edges[bin]) * 1e9;
      worst = std::max(worst, std::abs(found - formed) / std::max(formed, 1.0));
    }
  CHECK(worst < 1.01 * float_rounding);

  const Histories equal = make_cumulative_histories({.file = file, .bins_of = {}});
  CHECK(equal.selection[0].second == 1000);
  CHECK(equal.count == 984); // above 0.5 dex: 16
  for (std::int64_t i = 0; i < equal.count; ++i) {
    double formed = 0;
    for (int bin = 0; bin < 64; ++bin)
      formed += equal.sfr_msun_per_yr[i * 64 + bin] * (equal.bin_edges_gyr[1] * 1e9);
    CHECK(std::abs(formed / equal.mass_formed_msun[i] - 1) < 2.01 * float_rounding);
  }
}

TEST_CASE("prepare cumulative takes the bins of other histories and refuses bad tables") {
  const Folder folder;
  const auto table = folder / "table.h5", bins = folder / "bins.h5", output = folder / "out.h5";
  CHECK(run_tool("prepare", {"synthetic", "--count", "9", "-o", bins.string()}).exit_code == 0);
  write_cumulative(table, {1, 14}, {1e9, 2e9, 0, 1e9}, {0.01, 0.02});
  const auto run = run_tool(
      "prepare", {"cumulative", table.string(), "--bins-of", bins.string(), "-o", output.string()});
  CHECK_MESSAGE(run.exit_code == 0, run.err);
  CHECK(read_histories(output).bin_edges_gyr == read_histories(bins).bin_edges_gyr);
  std::filesystem::remove(output);

  const auto check = [&](const std::string& part, std::vector<std::string> more = {}) {
    more.insert(more.begin(), {"cumulative", table.string(), "-o", output.string()});
    const auto run = run_tool("prepare", more);
    CHECK_MESSAGE(refused(run, output), run.err);
    CHECK_MESSAGE(contains(run.err, part), run.err);
  };
  check("--bins", {"--bins", "4097"});
  check("--bins", {"--bins", "8", "--bins-of", bins.string()});
  check("below --max-log-z -5", {"--max-log-z", "-5"});
  write_cumulative(table, {1, 14}, {1e9, 2e9, 2e9, 1e9}, {0.01, 0.02});
  check("'mass_formed_msun' falls in row 1");
  write_cumulative(table, {1, 1}, {1e9, 2e9}, {0.01});
  check("increasing times");
  write_cumulative(table, {1, 2}, {1e9, 2e9}, {1.5});
  check("'metallicity' holds 1.5");
}
