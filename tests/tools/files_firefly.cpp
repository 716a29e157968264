// The FIREFLY catalogue, on the synthetic file of its layout: against the file's own bytes, decoded
// here, and with its HDUs reordered, renamed, cut and filled with something else.
#include "tools/files/firefly.hpp"

#include "physics/cosmology.hpp"
#include "tests/golden.hpp"
#include "tests/tools/files_helpers.hpp"

#include <bit>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <doctest/doctest.h>
#include <fstream>
#include <iterator>
#include <vector>

using namespace lookback;
using namespace lookback::tools;
using namespace lookback::test;

namespace {

constexpr const char* layout = "formats/SYNTHETIC_manga-firefly-layout.fits";
constexpr int galaxies = 3, cells = 20, slots = 8, channels = 4;

// Where the data of the HDU of this name begin: the block after that with END.
std::size_t data_begin(const std::string& file, const std::string& name) {
  const auto end = file.find("END     ", file.find("EXTNAME = '" + name + "'"));
  return (end / 2880 + 1) * 2880;
}

float number(const std::string& file, std::size_t at) {
  std::uint32_t bits = 0;
  for (int i = 0; i < 4; ++i) bits = bits << 8 | std::uint8_t(file[at + std::size_t(i)]);
  return std::bit_cast<float>(bits);
}

void set_number(std::string& file, std::size_t at, float value) {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  for (int i = 0; i < 4; ++i) file[at + std::size_t(i)] = char(bits >> (24 - 8 * i));
}

struct Raw {
  std::string bytes;
  std::size_t at(const std::string& hdu, int index) const {
    return data_begin(bytes, hdu) + 4 * std::size_t(index);
  }
  float operator()(const std::string& hdu, int index) const {
    return number(bytes, at(hdu, index));
  }
};

struct Written {
  Folder folder;
  FireflyGalaxy read(const std::string& bytes, const std::string& plateifu = "8080-12701") const {
    std::ofstream(folder / "f.fits", std::ios::binary) << bytes;
    return read_firefly(folder / "f.fits", plateifu);
  }
  std::string refusal(const std::string& bytes, const std::string& plateifu = "8080-12701") const {
    return message([&] { read(bytes, plateifu); });
  }
};

std::string replaced(std::string text, const std::string& from, const std::string& to) {
  return text.replace(text.find(from), from.size(), to);
}

bool same(const FireflyGalaxy& a, const FireflyGalaxy& b) {
  return a.plateifu == b.plateifu && a.redshift == b.redshift && a.e_bv == b.e_bv &&
         a.mass_msun == b.mass_msun && a.cells.size() == b.cells.size();
}

} // namespace

TEST_CASE("a galaxy of the FIREFLY catalogue is what the file's bytes say") {
  const auto file = golden(layout);
  if (file.empty()) return;
  const Raw raw{bytes_of(file)};
  struct Expected {
    const char* plateifu;
    double redshift;
    std::size_t cells;
  };
  int row = 0;
  for (const auto& e : {Expected{"8080-12701", 0.023, 12}, Expected{"9881-9102", 0.025, 9},
                        Expected{"10001-6104", 0.03, 15}}) {
    const FireflyGalaxy galaxy = read_firefly(file, e.plateifu);
    CHECK(galaxy.plateifu == e.plateifu);
    CHECK(galaxy.redshift == e.redshift);
    CHECK(galaxy.inconsistent_cells == 0);
    CHECK(same(galaxy, read_firefly(file, row)));
    REQUIRE(galaxy.cells.size() == e.cells);
    double mass = 0, weighted = 0;
    for (int c = 0; c < int(e.cells); ++c) {
      const int cell = row * cells + c;
      const double m = std::pow(10, double(raw("STELLAR_MASS_VORONOI", 4 * cell + 2)));
      mass += m;
      weighted += m * raw("E(B_V)_VORONOI", cell);
      double age = 0;
      for (const auto& p : galaxy.cells[std::size_t(c)].populations)
        age += p.age_gyr * p.mass_msun / m;
      CHECK(std::abs(std::log10(age) - raw("MW_AGE_VORONOI", 2 * cell)) < 1e-6); // float32
    }
    CHECK(galaxy.mass_msun == doctest::Approx(mass).epsilon(1e-12));
    CHECK(galaxy.a_v == doctest::Approx(4.05 * weighted / mass).epsilon(1e-12));
    ++row;
  }
}

TEST_CASE("the cells' populations sum to one history, whose mass is the catalogue's") {
  const auto file = golden(layout);
  if (file.empty()) return;
  const Raw raw{bytes_of(file)};
  const FireflyGalaxy galaxy = read_firefly(file, "9881-9102");
  const physics::TimeBins bins{{0, 4, 8, 12.5, 13, 13.8}};
  const double t_obs = physics::age_gyr(0.025);
  REQUIRE(t_obs > 13);
  const FireflyHistory history = summed_history(galaxy, bins);
  double mass[5] = {}, metals[5] = {};
  for (int c = 0; c < 9; ++c) {
    const int cell = cells + c;
    double sum = 0; // of weights, 1 within float32
    const auto at = [&](int slot, int channel) {
      return double(raw("STAR_FORMATION_HISTORY", (cell * slots + slot) * channels + channel));
    };
    for (int s = 0; s < slots; ++s) sum += at(s, 0) > -9998 ? at(s, 2) : 0;
    for (int s = 0; s < slots; ++s) {
      if (at(s, 0) < -9998) continue;
      const double birth = t_obs - std::pow(10, at(s, 0));
      const int bin = birth < 4 ? 0 : birth < 8 ? 1 : birth < 12.5 ? 2 : birth < 13 ? 3 : 4;
      const double m = std::pow(10, double(raw("STELLAR_MASS_VORONOI", 4 * cell + 2)));
      mass[bin] += m * at(s, 2) / sum;
      metals[bin] += m * at(s, 2) / sum * 0.02 * std::pow(10, at(s, 1));
    }
  }
  double formed = 0;
  for (std::size_t i = 0; i < 5; ++i) {
    const double years = 1e9 * (std::min(bins.edges_gyr[i + 1], t_obs) - bins.edges_gyr[i]);
    CHECK(history.sfr_msun_per_yr[i] * years == doctest::Approx(mass[i]).epsilon(1e-12));
    formed += history.sfr_msun_per_yr[i] * years;
    if (mass[i] > 0)
      CHECK(history.log_z_zsun[i] ==
            doctest::Approx(std::log10(metals[i] / mass[i] / 0.0142)).epsilon(1e-12));
    else
      CHECK(std::isnan(history.log_z_zsun[i]));
  }
  CHECK(formed == doctest::Approx(galaxy.mass_msun).epsilon(1e-12));

  FireflyGalaxy old = galaxy; // an age beyond the universe's is the oldest bin's
  old.cells = {{0.1, 1e9, {{15, 0, 1e9}}}};
  CHECK(summed_history(old, bins).sfr_msun_per_yr[0] == doctest::Approx(1e9 / 4e9));
  old.redshift = 20;
  CHECK(contains(message([&] { summed_history(old, {{5, 10}}); }), "before the first"));
}

TEST_CASE("HDUs of the FIREFLY catalogue are found by name in any order, and in gzip") {
  const auto file = golden(layout);
  if (file.empty()) return;
  const std::string whole = bytes_of(file);
  const FireflyGalaxy galaxy = read_firefly(file, "8080-12701");
  std::vector<std::size_t> begins;
  for (std::size_t at = 0; at < whole.size(); at += 2880)
    if (whole.compare(at, 8, "XTENSION") == 0) begins.push_back(at);
  REQUIRE(begins.size() == 15);
  begins.push_back(whole.size());
  std::string reversed = whole.substr(0, begins[0]);
  for (std::size_t i = begins.size() - 1; i-- > 0;)
    reversed += whole.substr(begins[i], begins[i + 1] - begins[i]);
  const Written written;
  CHECK(same(written.read(reversed), galaxy));
  REQUIRE(std::system(("gzip " + (written.folder / "f.fits").string()).c_str()) == 0);
  CHECK(same(read_firefly(written.folder / "f.fits.gz", "8080-12701"), galaxy));
}

TEST_CASE("channels of another meaning are refused with the age that they do not give") {
  const auto file = golden(layout);
  if (file.empty()) return;
  Raw raw{bytes_of(file)};
  const Written written;
  for (int i = 0; i < galaxies * cells * slots; ++i) { // the weight of light for that of mass
    const std::size_t at = raw.at("STAR_FORMATION_HISTORY", channels * i + 2);
    set_number(raw.bytes, at, number(raw.bytes, at + 4));
  }
  const std::string refusal = written.refusal(raw.bytes);
  // In the other two the mean ages by light and by mass are 0 and 0.0096 dex apart.
  CHECK(contains(refusal, "10 of 12 cells of 8080-12701"));
  CHECK(contains(refusal, "is not MW_AGE_VORONOI"));
}

TEST_CASE("a catalogue that lacks, cuts or garbles something is refused in one sentence") {
  const auto file = golden(layout);
  if (file.empty()) return;
  const std::string whole = bytes_of(file);
  const Written written;
  CHECK(written.refusal(whole) == "no error");
  for (const char* name : {"E(B_V)_VORONOI", "STELLAR_MASS_VORONOI", "MW_AGE_VORONOI",
                           "STAR_FORMATION_HISTORY", "GALAXY_INFO"}) {
    std::string other = name;
    other[0] = 'X';
    CHECK(
        contains(written.refusal(replaced(whole, "'" + std::string(name) + "'", "'" + other + "'")),
                 "there is no HDU '" + std::string(name) + "'"));
  }
  CHECK(contains(written.refusal(replaced(whole, "'PLATEIFU'", "'PLATE_IF'")), "PLATEIFU"));
  CHECK(contains(written.refusal(replaced(whole, "'REDSHIFT'", "'BLUSHIFT'")), "REDSHIFT"));
  CHECK(contains(written.refusal(whole, "1-1"), "has 0 galaxies with PLATEIFU '1-1' among 3"));
  std::string twice = whole;
  twice.replace(whole.find("9881-9102"), 10, "8080-12701");
  CHECK(contains(written.refusal(twice), "has 2 galaxies"));
  CHECK(contains(message([&] { read_firefly(file, 3); }), "there is no 3"));
  for (const std::size_t cut :
       {std::size_t(0), std::size_t(4000), std::size_t(40000), whole.size() - 5760})
    CHECK(written.refusal(whole.substr(0, cut)) != "no error");

  std::string empty = whole, dark = whole, timeless = whole;
  for (int c = 0; c < cells; ++c)
    set_number(empty, data_begin(whole, "STELLAR_MASS_VORONOI") + std::size_t(16 * c + 8), -9999);
  CHECK(contains(written.refusal(empty), "no cell with a mass and a history"));
  for (int c = 0; c < cells; ++c)
    set_number(timeless, data_begin(whole, "MW_AGE_VORONOI") + std::size_t(8 * c), NAN);
  CHECK(contains(written.refusal(timeless), "12 of 12 cells"));
  dark.replace(data_begin(whole, "GALAXY_INFO") + 60, 8, "\xff\xff\xff\xff\xff\xff\xff\xff"); // NaN
  CHECK(contains(written.refusal(dark), "the redshift of 8080-12701 is not known"));
}
