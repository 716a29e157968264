// prepare tng against the known truth of prepare synthetic-tng, and against hostile input.
#include "tools/prepare/tng.hpp"
#include "engine/error.hpp"
#include "engine/hdf5.hpp"
#include "engine/random.hpp"
#include "tests/golden.hpp"
#include "tests/tools/files_helpers.hpp"
#include "tests/tools/run_tool.hpp"
#include "tools/files/tng_catalogue.hpp"
#include "tools/files/tng_snapshot.hpp"
#include "tools/prepare/synthetic_tng.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <numeric>

using namespace lookback;
using namespace lookback::tools;
using namespace lookback::test;

namespace {

constexpr double float_rounding = 0x1p-24; // relative, half a unit in the last place

Histories write_mock(const std::filesystem::path& folder, std::int64_t subhalos, int chunks,
                     std::uint64_t seed) {
  SyntheticTngOptions o;
  o.subhalos = subhalos;
  o.chunks = chunks;
  o.particles_per_bin = 4;
  o.folder = folder;
  return write_synthetic_tng(o, seed);
}

Histories read_mock(const std::filesystem::path& folder, TngOptions o = {}) {
  o.base = folder / "output";
  Log log;
  log.open(true, {});
  return make_tng_histories(o, 0, log);
}

std::filesystem::path star_file(const std::filesystem::path& folder, int chunk) {
  return folder / "output/snapdir_099" / ("snap_099." + std::to_string(chunk) + ".hdf5");
}

std::filesystem::path offsets_file(const std::filesystem::path& folder) {
  return folder / "postprocessing/offsets/offsets_099.hdf5";
}

// A chunk like the one of `write_mock` with one chunk, with the first mass changed; without the
// metallicity where asked.
void rewrite_stars(const std::filesystem::path& file, float first_mass, bool metals) {
  std::vector<float> mass, z, birth;
  {
    const H5Reader reader(file);
    mass = reader.read_raw<float>("PartType4/GFM_InitialMass"); // may hold NaN by now
    z = reader.read<float>("PartType4/GFM_Metallicity");
    birth = reader.read<float>("PartType4/GFM_StellarFormationTime");
  }
  mass[0] = first_mass;
  const auto n = std::int64_t(mass.size());
  H5Writer writer(file, true);
  writer.attribute("Header", "HubbleParam", 0.6774);
  writer.attribute("Header", "Omega0", 0.3089);
  writer.attribute("Header", "OmegaLambda", 0.6911);
  writer.attribute("Header", "UnitMass_in_g", 1.989e43);
  writer.attribute("Header", "NumFilesPerSnapshot", std::int64_t{1});
  writer.write<float>("PartType4/GFM_InitialMass", {n}, mass);
  if (metals) writer.write<float>("PartType4/GFM_Metallicity", {n}, z);
  writer.write<float>("PartType4/GFM_StellarFormationTime", {n}, birth);
  writer.commit();
}

} // namespace

TEST_CASE("the clock of TNG is the integral of da / (a H) and turns back") {
  const SimulationClock c;
  const double hubble_time_gyr = 977.792221 / (100 * c.hubble); // Mpc / (km/s) in Julian Gyr
  for (const double a : {0.05, 0.3, 0.77, 1.0}) {
    constexpr int steps = 20000; // midpoints in u = a^(3/2), where the integrand is smooth
    double sum = 0;
    for (int i = 0; i < steps; ++i) {
      const double u = std::pow(a, 1.5) * (i + 0.5) / steps;
      sum += std::pow(a, 1.5) / steps / std::sqrt(c.omega_matter + (1 - c.omega_matter) * u * u);
    }
    CHECK(c.age_gyr(a) == doctest::Approx(2.0 / 3 * hubble_time_gyr * sum).epsilon(1e-8));
    CHECK(c.scale_factor(c.age_gyr(a)) == doctest::Approx(a).epsilon(1e-13));
  }
}

TEST_CASE(
    "star particles of a real TNG galaxy are read with their masses, metals and birth times") {
  const auto sample = golden("simulations/SimSpin_example_IllustrisTNG.hdf5");
  const auto known = golden("simulations/sfh_simspin_particles_5.h5");
  if (sample.empty() || known.empty()) return;
  const Folder folder;
  std::filesystem::create_directory(folder / "snapdir_078");
  std::filesystem::copy_file(sample, folder / "snapdir_078/snap_078.0.hdf5");
  TngStars stars(folder.path, 78);
  REQUIRE(stars.count() == 2000); // the header claims 123468
  const StarBlock& block = stars.block_at(0);
  const H5Reader reader(known);
  const auto mass = reader.read<double>("IllustrisTNG/initial_mass_msun");
  const auto z = reader.read<double>("IllustrisTNG/metallicity");
  const auto birth = reader.read_raw<double>("IllustrisTNG/birth_time_gyr"); // NaN: wind
  int wind = 0;
  for (std::size_t i = 0; i < 2000; ++i) {
    CHECK(block.mass_msun[i] == doctest::Approx(mass[i]).epsilon(1e-12));
    CHECK(block.z[i] == z[i]);
    if (block.scale_factor[i] <= 0)
      ++wind;
    else // the length of the year is not stated: Julian, tropical and Gregorian differ by 2e-5
      CHECK(stars.clock().age_gyr(block.scale_factor[i]) ==
            doctest::Approx(birth[i]).epsilon(3e-5));
  }
  CHECK(wind == 4);
}

TEST_CASE("prepare tng finds the known truth, to the rounding of the particles") {
  const Folder folder;
  const Histories truth = write_mock(folder.path, 400, 5, 1);
  const Histories h = read_mock(folder.path);
  REQUIRE(h.subhalo_id == truth.subhalo_id);
  CHECK(h.selection == truth.selection);
  CHECK(h.selection[0].second == 400);
  for (std::size_t i = 1; i < h.selection.size(); ++i)
    CHECK(h.selection[i].second < h.selection[i - 1].second); // every cut has something to do
  // A sum of masses, each rounded, is off by one rounding; the truth and the result are rounded
  // once more. In the mean metallicity the weights err above and below the line.
  double worst_rate = 0, worst_log_z = 0;
  for (std::size_t i = 0; i < truth.sfr_msun_per_yr.size(); ++i) {
    const double rate = truth.sfr_msun_per_yr[i], log_z = truth.log_z_zsun[i];
    REQUIRE((rate == 0) == (h.sfr_msun_per_yr[i] == 0));
    if (rate > 0) worst_rate = std::max(worst_rate, std::abs(h.sfr_msun_per_yr[i] / rate - 1));
    const double bound = 3 * float_rounding / std::log(10.0) + 2 * float_rounding * std::abs(log_z);
    worst_log_z = std::max(worst_log_z, std::abs(h.log_z_zsun[i] - log_z) / (1.01 * bound));
  }
  CHECK(worst_rate < 3.01 * float_rounding);
  CHECK(worst_log_z < 1);
  for (std::size_t i = 0; i < truth.mass_formed_msun.size(); ++i)
    CHECK(std::abs(h.mass_formed_msun[i] / double(truth.mass_formed_msun[i]) - 1) <
          3.01 * float_rounding);
}

TEST_CASE("histories are the same bits for any chunking, with and without offsets") {
  for (std::uint32_t trial = 0; trial < 5; ++trial) {
    const Stream stream{trial, Purpose::shuffle};
    const auto number = [&](std::uint64_t element, int least, int most) {
      return least + int(stream.uniform(element) * (most - least + 1));
    };
    SyntheticTngOptions o;
    o.subhalos = number(0, 1, 60);
    o.chunks = 1;
    o.particles_per_bin = number(1, 1, 8);
    const Folder one;
    o.folder = one.path;
    const Histories truth = write_synthetic_tng(o, trial);
    const Histories reference = read_mock(one.path);
    CHECK(reference.subhalo_id == truth.subhalo_id);
    CHECK(reference.selection == truth.selection);
    CHECK(max_relative_error(reference.sfr_msun_per_yr, truth.sfr_msun_per_yr) <
          3.01 * float_rounding);
    for (std::uint32_t chunking = 0; chunking < 2; ++chunking) {
      o.chunking = chunking;
      o.chunks = number(2 + chunking, 2, 24);
      CAPTURE(o.subhalos);
      CAPTURE(o.chunks);
      const Folder folder;
      o.folder = folder.path;
      write_synthetic_tng(o, trial);
      for (const bool with_offsets : {true, false}) {
        if (!with_offsets) std::filesystem::remove(offsets_file(folder.path));
        const Histories h = read_mock(folder.path);
        CHECK(h.subhalo_id == reference.subhalo_id);
        CHECK(h.sfr_msun_per_yr == reference.sfr_msun_per_yr);
        CHECK(h.log_z_zsun == reference.log_z_zsun);
        CHECK(h.is_test == reference.is_test);
        CHECK(h.selection == reference.selection);
      }
    }
  }
}

TEST_CASE("the file names of the first Illustris are read too") {
  const Folder folder;
  write_mock(folder.path, 40, 2, 9);
  const Histories reference = read_mock(folder.path);
  const auto groups = folder / "output/groups_099", stars = folder / "output/snapdir_099";
  for (const std::string end : {"_099.0.hdf5", "_099.1.hdf5"}) {
    std::filesystem::rename(groups / ("fof_subhalo_tab" + end), groups / ("groups" + end));
    std::filesystem::rename(stars / ("snap" + end), stars / ("snapshot" + end));
  }
  CHECK(read_mock(folder.path).sfr_msun_per_yr == reference.sfr_msun_per_yr);
}

TEST_CASE("each cut of prepare tng is an option, and the split holds out a seeded fifth") {
  const Folder folder;
  const Histories truth = write_mock(folder.path, 300, 2, 3);
  const Histories h = read_mock(folder.path);
  const auto held_out = std::accumulate(h.is_test.begin(), h.is_test.end(), std::int64_t{0});
  CHECK(held_out == std::llround(0.2 * double(h.count)));

  TngOptions all;
  all.keep_flagged = true;
  all.min_mass_msun = 0;
  all.max_log_z = 10;
  all.empty_log_z = -3;
  const Histories everything = read_mock(folder.path, all);
  CHECK(everything.count > truth.count);
  for (std::size_t i = 0; i < everything.sfr_msun_per_yr.size(); ++i)
    if (everything.sfr_msun_per_yr[i] == 0) REQUIRE(everything.log_z_zsun[i] == -3);

  TngOptions many;
  many.min_stars = 100;
  const auto crowded = read_mock(folder.path, many).count;
  CHECK(crowded > 0);
  CHECK(crowded < h.count);
  TngOptions stellar; // the generator gives the stars all of the mass
  stellar.mass = "stellar";
  CHECK(read_mock(folder.path, stellar).subhalo_id == h.subhalo_id);
}

TEST_CASE("prepare tng refuses bad input in one line") {
  const Folder folder;
  const auto output = folder / "histories.h5";
  const auto mock = [&](const std::string& name, int chunks) {
    write_mock(folder / name, 60, chunks, 5);
    return folder / name;
  };
  const auto check = [&](const std::filesystem::path& base, const std::string& part,
                         std::vector<std::string> more = {}) {
    more.insert(more.begin(), {"tng", "--base", (base / "output").string(), "-o", output.string()});
    const auto run = run_tool("prepare", more);
    CHECK_MESSAGE(refused(run, output), run.err);
    CHECK_MESSAGE(contains(run.err, part), run.err);
  };
  check(folder / "nothing", "there is no file");

  const auto chunk = mock("chunk", 4);
  std::filesystem::remove(star_file(chunk, 3));
  check(chunk, "snap_099.3.hdf5");

  const auto catalogue = mock("catalogue", 4);
  std::filesystem::remove(catalogue / "output/groups_099/fof_subhalo_tab_099.2.hdf5");
  check(catalogue, "fof_subhalo_tab_099.2.hdf5");

  const auto dataset = mock("dataset", 1);
  rewrite_stars(star_file(dataset, 0), 1e-5f, false);
  check(dataset, "there is no dataset 'PartType4/GFM_Metallicity'");

  const auto nan = mock("nan", 1);
  rewrite_stars(star_file(nan, 0), std::numeric_limits<float>::quiet_NaN(), true);
  check(nan, "'PartType4/GFM_InitialMass' holds NaN or Inf (first at element 0)");
  rewrite_stars(star_file(nan, 0), -1.0f, true);
  check(nan, "'PartType4/GFM_InitialMass' holds -1");

  const auto offsets = mock("offsets", 2);
  std::vector<std::int64_t> table(60 * 6, 0);
  const auto write_offsets = [&](std::int64_t rows) {
    H5Writer writer(offsets_file(offsets), true);
    writer.write<std::int64_t>("Subhalo/SnapByType", {rows, 6},
                               std::span(table).first(std::size_t(rows) * 6));
    writer.commit();
  };
  write_offsets(60);
  check(offsets, "belongs to another");
  for (auto& v : table) v = std::numeric_limits<std::int64_t>::max();
  write_offsets(60);
  check(offsets, "the snapshot has");
  write_offsets(59);
  check(offsets, "not that of a catalogue with 60 subhalos");

  const auto good = mock("good", 2);
  check(good, "no subhalo is left by the cut 'above_min_mass'", {"--min-mass", "1e30"});
  check(good, "--test-fraction", {"--test-fraction", "1"});
  check(good, "snap_007", {"--snapshot", "7"});
}

TEST_CASE("prepare synthetic-tng and prepare tng work together and keep the counts") {
  const Folder folder;
  const auto mock = folder / "mock", output = folder / "histories.h5";
  CHECK(run_tool("prepare", {"synthetic-tng", "--subhalos", "50", "--chunks", "3",
                             "--particles-per-bin", "3", "-o", mock.string()})
            .exit_code == 0);
  const auto run =
      run_tool("prepare", {"tng", "--base", (mock / "output").string(), "-o", output.string()});
  CHECK_MESSAGE(run.exit_code == 0, run.err);
  const Histories truth = read_histories(mock / "truth.h5"), h = read_histories(output);
  CHECK(h.subhalo_id == truth.subhalo_id);
  const H5Reader reader(output);
  CHECK(reader.number("selection", "in_catalogue") == 50);
  CHECK(reader.number("selection", "below_max_log_z") == double(h.count));
  CHECK(contains(run.err, "50 galaxies in_catalogue"));
}
