// prepare particles against real galaxies whose histories are known, closed forms, and bad input.
#include "tools/prepare/particles.hpp"
#include "tests/golden.hpp"
#include "tests/tools/files_helpers.hpp"
#include "tests/tools/run_tool.hpp"
#include "tools/files/particle_file.hpp"

#include <cmath>
#include <doctest/doctest.h>

using namespace lookback;
using namespace lookback::tools;
using namespace lookback::test;

namespace {

constexpr double float_rounding = 0x1p-24;
constexpr double years_differ = 3e-5; // Julian, tropical, Gregorian: the golden one is not stated

Histories read_particles(ParticleOptions o) {
  Log log;
  log.open(true, {});
  return make_particle_histories(o, 0, log);
}

void write_edges(const std::filesystem::path& file, const std::vector<double>& edges_gyr) {
  H5Writer writer(file, true);
  writer.write<double>("bin_edges_gyr", {std::int64_t(edges_gyr.size())}, edges_gyr);
  writer.commit();
}

void write_table(const std::filesystem::path& file, const H5Reader& golden,
                 const std::string& galaxy) {
  H5Writer writer(file, true);
  for (const char* name : {"initial_mass_msun", "metallicity", "birth_time_gyr"}) {
    auto values = golden.read_raw<double>(galaxy + "/" + name);
    for (double& v : values)
      if (std::isnan(v)) v = 0; // wind
    writer.write<double>(name, {std::int64_t(values.size())}, values);
  }
  writer.commit();
}

void write_text(const std::filesystem::path& file, const std::string& text) {
  std::ofstream(file) << text;
}

// The one history is that of the golden file, to the rounding of float32.
void check_history(const Histories& h, const H5Reader& golden, const std::string& galaxy) {
  const auto mass = golden.read<double>(galaxy + "/sfh64_mass_msun");
  const auto z = golden.read_raw<double>(galaxy + "/mh64_z"); // NaN: no stars
  REQUIRE(h.count == 1);
  REQUIRE(h.bins == 64);
  for (std::size_t i = 0; i < 64; ++i) {
    const double width_yr = (h.bin_edges_gyr[i + 1] - h.bin_edges_gyr[i]) * 1e9;
    CHECK(std::abs(h.sfr_msun_per_yr[i] * width_yr - mass[i]) <= 1.01 * float_rounding * mass[i]);
    const double log_z = mass[i] > 0 ? std::log10(std::max(z[i], 1e-10) / 0.0142) : -1;
    CHECK(std::abs(h.log_z_zsun[i] - log_z) <= 1.01 * float_rounding * std::abs(log_z));
  }
}

} // namespace

TEST_CASE("cut-outs of four simulations are read with their masses, metals and birth times") {
  const auto known = golden("simulations/sfh_simspin_particles_5.h5");
  if (known.empty()) return;
  const H5Reader reader(known);
  for (const std::string galaxy : {"IllustrisTNG", "EAGLE", "HorizonAGN", "Colibre"}) {
    CAPTURE(galaxy);
    const auto file = golden("simulations/SimSpin_example_" + galaxy + ".hdf5");
    if (file.empty()) return;
    const auto mass = reader.read<double>(galaxy + "/initial_mass_msun");
    const auto z = reader.read<double>(galaxy + "/metallicity");
    const auto a = reader.read<double>(galaxy + "/birth_scale_factor");
    for_each_block(file, [&](const ParticleBlock& block) {
      CHECK(block.galaxy.empty());
      CHECK(max_relative_error(block.mass_msun, mass) < 1e-12);
      CHECK(block.z == z);
      CHECK(block.birth == a);
    });
  }
}

TEST_CASE("histories of real galaxies in TNG, EAGLE and Horizon-AGN are the known ones") {
  const auto known = golden("simulations/sfh_simspin_particles_5.h5");
  if (known.empty()) return;
  const H5Reader reader(known);
  const Folder folder;
  for (const std::string galaxy : {"IllustrisTNG", "EAGLE", "HorizonAGN"}) {
    CAPTURE(galaxy);
    ParticleOptions o;
    o.files = {golden("simulations/SimSpin_example_" + galaxy + ".hdf5")};
    o.bins_of = folder / "bins.h5";
    o.max_log_z = 1;
    const auto clock = *read_particle_facts(o.files[0]).clock;
    const double today = clock.age_gyr(1 / (1 + reader.number(galaxy, "redshift_of_snapshot")));
    CHECK(today ==
          doctest::Approx(reader.number(galaxy, "age_at_snapshot_gyr")).epsilon(years_differ));
    write_edges(o.bins_of, equal_edges_gyr(today, 64));
    check_history(read_particles(o), reader, galaxy);
  }
}

TEST_CASE("histories from tables of real particles with cosmic times are the known ones") {
  const auto known = golden("simulations/sfh_simspin_particles_5.h5");
  if (known.empty()) return;
  const H5Reader reader(known);
  const Folder folder;
  for (const std::string galaxy : {"IllustrisTNG", "EAGLE", "HorizonAGN", "Colibre"}) {
    CAPTURE(galaxy);
    ParticleOptions o;
    o.files = {folder / "table.h5"};
    o.bins_of = folder / "bins.h5";
    o.max_log_z = 1;
    write_table(o.files[0], reader, galaxy);
    write_edges(o.bins_of, reader.read<double>(galaxy + "/sfh64_edges_gyr"));
    check_history(read_particles(o), reader, galaxy);
  }
}

TEST_CASE("neutrinos and radiation count as matter in a simulation's clock") {
  const auto file = golden("simulations/SimSpin_example_Colibre.hdf5");
  if (file.empty()) return;
  // 0.06 eV of neutrinos: Omega h^2 = 0.06 / 93.14 (Lesgourgues & Pastor 2006), and Omega_r.
  const auto clock = *read_particle_facts(file).clock;
  const double matter = 0.304611 + 7.79e-5 + 0.06 / 93.14 / (0.681 * 0.681);
  CHECK(clock.omega_matter == doctest::Approx(matter).epsilon(1e-4));
}

TEST_CASE("a table of particles gives each galaxy its mass over the width of the bin") {
  const Folder folder;
  ParticleOptions o;
  o.files = {folder / "table.csv"};
  o.bins_of = folder / "bins.h5";
  o.test_fraction = 0.5;
  write_edges(o.bins_of, {0, 4, 6, 12});
  write_text(o.files[0], "# made by hand\n"
                         "galaxy_id, metallicity, birth_time_gyr, initial_mass_msun, extra\n"
                         "7, 0.0142, 1, 4e9, 0\n"
                         "3, 0.00142, 4, 2e9, 0\n" // on an edge: of the later bin
                         "7, 0, 3.9, 4e9, 0\n"
                         "7, 0.0142, 12, 6e9, 0\n"  // on the last edge: inside
                         "7, 0.0142, 13, 1e9, 0\n"  // outside
                         "9, 0.0142, 0, 1e9, 0\n"); // no star
  const Histories h = read_particles(o);
  CHECK(h.subhalo_id == std::vector<std::int64_t>{3, 7});
  CHECK(h.sfr_msun_per_yr == std::vector<float>{0, 1, 0, 2, 0, 1});
  const float half = float(std::log10(0.5));
  CHECK(h.log_z_zsun[1] == doctest::Approx(-1).epsilon(float_rounding));
  CHECK(h.log_z_zsun[3] == doctest::Approx(half).epsilon(float_rounding));
  CHECK(h.log_z_zsun[5] == doctest::Approx(0).epsilon(float_rounding));
  CHECK(h.mass_formed_msun == std::vector<float>{2e9f, 14e9f});
  CHECK(h.is_test[0] + h.is_test[1] == 1);
  CHECK(h.selection[0].second == 3);
  CHECK(h.selection[1].second == 2);
}

TEST_CASE("birth as a scale factor is put into the time of the cosmology given") {
  const Folder folder;
  ParticleOptions o;
  o.files = {folder / "table.csv"};
  o.clock = {0.7, 0.3};
  const double middle = o.clock.scale_factor(o.clock.age_gyr(1) * 10.5 / 64);
  write_text(o.files[0], "initial_mass_msun metallicity birth_scale_factor\n1e9 0.01 " +
                             std::to_string(middle) + "\n1e9 0.01 1\n");
  const Histories h = read_particles(o);
  for (std::size_t i = 0; i < 64; ++i) CHECK((h.sfr_msun_per_yr[i] > 0) == (i == 10 || i == 63));
  // 2/3 asinh(sqrt(0.7/0.3)) / sqrt(0.7) = 0.964099 Hubble times of 977.792 / 70 Gyr
  CHECK(h.bin_edges_gyr.back() == doctest::Approx(0.964099 * 977.792 / 70).epsilon(2e-6));
}

TEST_CASE("prepare particles refuses bad input in one line") {
  const Folder folder;
  const auto output = folder / "out.h5", table = folder / "table.csv";
  const auto check = [&](const std::string& text, const std::string& part,
                         std::vector<std::string> more = {}) {
    write_text(table, text);
    more.insert(more.begin(), {"particles", table.string(), "-o", output.string()});
    const auto run = run_tool("prepare", more);
    // lines of progress may come before the sentence
    CHECK_MESSAGE(run.exit_code == 2, run.err);
    CHECK_MESSAGE(contains(run.err, part), run.err);
    CHECK(!std::filesystem::exists(output));
  };
  const std::string names = "initial_mass_msun,metallicity,birth_scale_factor,galaxy_id\n";
  check("", "does not name the columns");
  check("1,2,3\n", "does not name the columns");
  check("initial_mass_msun,metallicity\n", "does not name the columns");
  check(names, "holds no star particle");
  check(names + "1e9,0.01,0.5\n", "line 2 is not 4 numbers");
  check(names + "1e9,0.01,0.5,1\n1e9,x,0.5,1\n", "line 3 is not 4 numbers");
  check(names + "1e9,0.01,0.5,1.5\n", "galaxy_id 1.5 is no integer");
  check(names + "1e9,3,0.5,1\n", "'metallicity' holds 3");
  check(names + "1e9,0.01,1.5,1\n", "'birth_scale_factor' holds 1.5");
  check(names + "-1,0.01,0.5,1\n", "'initial_mass_msun' holds -1");
  check(names + "nan,0.01,0.5,1\n", "'initial_mass_msun' holds nan");
  check(names + "1e9,0.14,0.5,1\n", "below --max-log-z 0.5");
  check(names + "1e9,0.01,-1,1\n", "--min-stars");
  check(names + "1e9,0.01,0.5,1\n", "there is no file", {"--bins-of", (folder / "no").string()});
  check(names + "1e9,0.01,0.5,1\n", "--omega-matter", {"--omega-matter", "1"});
  check(names + "1e9,0.01,0.5,1\n", "--bins", {"--bins", "0"});
  const auto magneticum = golden("simulations/SimSpin_example_Magneticum.hdf5");
  if (magneticum.empty()) return;
  const auto run = run_tool("prepare", {"particles", magneticum, "-o", output.string()});
  CHECK_MESSAGE(refused(run, output), run.err);
  CHECK(contains(run.err, "the mass fraction of its metals"));
}
