// The importers of SSP grids: real E-MILES numbers in four layouts give one grid; small made files
// show what is cut, left out and converted; spoiled ones are refused.
#include "engine/error.hpp"
#include "engine/hdf5.hpp"
#include "physics/metallicity.hpp"
#include "tests/golden.hpp"
#include "tests/tools/files_helpers.hpp"
#include "tests/tools/fits_bytes.hpp"
#include "tools/files/mass_loss_table.hpp"
#include "tools/files/ssp.hpp"
#include "tools/files/vacuum.hpp"
#include "tools/prepare/bagpipes_ssp.hpp"
#include "tools/prepare/dsps_ssp.hpp"
#include "tools/prepare/emiles_ssp.hpp"
#include "tools/prepare/maraston_ssp.hpp"
#include "tools/prepare/synthesizer_ssp.hpp"

#include <cmath>
#include <doctest/doctest.h>
#include <fstream>

using namespace lookback;
using namespace lookback::tools;
using namespace lookback::test;

namespace {

namespace fs = std::filesystem;

constexpr double basti_zsun = 0.0198, our_zsun = 0.0142;
// Values of float32, multiplied and divided by constants in double, rounded to float32 again.
constexpr double float_rounding = 1.2e-7;
// The axis of ssp/emiles.h5 is a sum of 8077 steps, each rounded to 1.1e-16 of its value.
constexpr double axis_rounding = 8077 * 2.2e-16;

double relative_error(const Eigen::VectorXd& given, const Eigen::VectorXd& expected) {
  return max_relative_error(std::vector(given.begin(), given.end()),
                            std::vector(expected.begin(), expected.end()));
}

Eigen::MatrixXd every_tenth(const physics::SspGrid& grid, Eigen::Index z, Eigen::Index first,
                            Eigen::Index count) {
  return grid.spectra(z)(Eigen::seqN(first, count, 10), Eigen::all);
}

// The grid of shared/data/ssp/emiles.h5 at the wavelengths of a decimated one.
void check_against_emiles(const physics::SspGrid& grid, const physics::SspGrid& truth) {
  REQUIRE(grid.metallicities() == truth.metallicities());
  REQUIRE(grid.ages() == truth.ages());
  CHECK(relative_error(grid.age_gyr, truth.age_gyr) < 1e-14);
  const double shift = std::log10(basti_zsun / our_zsun); // the file keeps [M/H] as it is
  CHECK((grid.log_z_zsun.array() - truth.log_z_zsun.array() - shift).abs().maxCoeff() < 1e-8);
  const auto& w = truth.wavelength_angstrom;
  const Eigen::Index first =
      std::lower_bound(w.begin(), w.end(), grid.wavelength_angstrom[0] - 0.1) - w.begin();
  const Eigen::VectorXd tenth = w(Eigen::seqN(first, grid.wavelengths(), 10));
  CHECK(relative_error(grid.wavelength_angstrom, tenth) < axis_rounding);
  for (Eigen::Index z = 0; z < grid.metallicities(); ++z) {
    const Eigen::ArrayXXd want = every_tenth(truth, z, first, grid.wavelengths()).array();
    CHECK(((grid.spectra(z).array() - want) / want).abs().maxCoeff() < float_rounding);
  }
}

SspFacts in_air() {
  SspFacts facts;
  facts.medium = "air";
  return facts;
}

// A MILES file: flux 1e-4 x (1 .. pixels), from 3500 Angstrom in steps of 100, the last
// `zeros` 0.
fs::path write_miles(const fs::path& file, int zeros = 0, const Cards& changed = {},
                     int pixels = 20) {
  Cards cards{{"CRVAL1", "3500.0"}, {"CDELT1", "100.0"}, {"CRPIX1", "1"}};
  if (!changed.empty()) cards = changed;
  std::ofstream(file, std::ios::binary) << image_hdu(
      true, {pixels}, [=](int i) { return i < pixels - zeros ? 1e-4 * (i + 1) : 0; }, cards);
  return file;
}

std::string miles_name(const std::string& metallicity, const std::string& age) {
  return "Ech1.30Z" + metallicity + "T" + age + "_iTp0.00_baseFe.fits";
}

void write_text(const fs::path& file, const std::string& text) {
  std::ofstream(file) << text;
}

} // namespace

TEST_CASE("E-MILES in the layouts of DSPS, Synthesizer and BAGPIPES is the same grid") {
  const auto emiles = golden("ssp/emiles.h5");
  const auto dsps = golden("formats/dsps_format_emiles_decimated.h5");
  const auto synthesizer = golden("formats/synthesizer_format_emiles_decimated.hdf5");
  const auto bagpipes = golden("formats/bagpipes_format_emiles_decimated.fits");
  if (emiles.empty() || dsps.empty() || synthesizer.empty() || bagpipes.empty()) return;
  const physics::SspGrid truth = read_ssp(emiles);
  SspFacts facts = in_air();
  facts.lsun_erg_per_s = 3.826e33; // with which the files were made
  facts.zsun = basti_zsun;
  std::vector<double> metallicities;
  for (const double m_h : truth.log_z_zsun) metallicities.push_back(std::pow(10, m_h));

  SUBCASE("DSPS") {
    check_against_emiles(import_dsps_ssp(dsps, facts), truth);
  }
  SUBCASE("Synthesizer") {
    const auto grid = import_synthesizer_ssp(synthesizer, "incident", facts);
    check_against_emiles(grid, truth);
    CHECK(grid.imf == "kroupa");
  }
  SUBCASE("BAGPIPES") {
    const auto grid = convert_bagpipes_ssp(bagpipes, metallicities, facts);
    check_against_emiles(grid, truth);
    CHECK_FALSE(grid.surviving_mass_fraction); // the file says NaN
  }
}

TEST_CASE("the original files of E-MILES give the spectra of the packed grid") {
  const auto emiles = golden("ssp/emiles.h5");
  if (emiles.empty()) return;
  const physics::SspGrid truth = read_ssp(emiles);
  struct Original {
    const char* file;
    Eigen::Index z, age;
  };
  for (const auto& [name, z, age] :
       {Original{"Eku1.30Zm0.66T05.0000_iTp0.00_baseFe.fits", 2, 11},
        Original{"Eku1.30Zp0.06T00.0300_iTp0.00_baseFe.fits", 5, 0},
        Original{"Eku1.30Zp0.26T13.5000_iTp0.00_baseFe.fits", 7, 15}}) {
    const auto file = golden(std::string("formats/emiles/") + name);
    if (file.empty()) return;
    std::vector<std::string> notes;
    const auto grid = import_emiles_ssp({file}, 0, {}, notes);
    CHECK(grid.age_gyr[0] == truth.age_gyr[age]);
    CHECK(grid.log_z_zsun[0] ==
          doctest::Approx(truth.log_z_zsun[z] + std::log10(basti_zsun / our_zsun)).epsilon(1e-14));
    const Eigen::Index pixels = truth.wavelengths();
    REQUIRE(grid.wavelengths() >= pixels);
    CHECK(relative_error(grid.wavelength_angstrom.head(pixels), truth.wavelength_angstrom) <
          axis_rounding);
    CHECK(grid.spectra(0).col(0).head(pixels) == truth.spectra(z).col(age));
    const bool young = age == 0; // no data beyond 8950.4 Angstrom in air
    CHECK(notes.size() == (young ? 1 : 0));
    CHECK(grid.wavelengths() == (young ? 8079 : 53689));
    CHECK(grid.imf == "Kroupa universal, slope 1.30");
    CHECK(grid.original_medium == "air");
    CHECK(grid.original_zsun == basti_zsun);
    CHECK(grid.resolution_fwhm_angstrom == 2.51);
  }
}

TEST_CASE("E-MILES files of a folder become a grid, cut where one of them has no data") {
  const Folder folder;
  for (const char* z : {"m0.40", "p0.22"})
    for (const char* age : {"00.0300", "01.0000"})
      write_miles(folder / miles_name(z, age), age == std::string("00.0300") ? 5 : 0);
  write_text(folder / "readme.txt", "not a model");
  std::vector<std::string> notes;
  const auto cut = import_emiles_ssp({folder.path}, 0, {}, notes);
  CHECK(cut.metallicities() == 2);
  CHECK(cut.ages() == 2);
  CHECK(cut.wavelengths() == 15);
  CHECK(cut.wavelength_angstrom[14] == vacuum_from_air(4900));
  REQUIRE(notes.size() == 1);
  CHECK(contains(notes[0], "cut at 4900 Angstrom"));
  notes.clear();
  const auto whole = import_emiles_ssp({folder.path}, 0.1, {}, notes);
  CHECK(whole.ages() == 1);
  CHECK(whole.wavelengths() == 20);
  CHECK(notes.empty());
  for (Eigen::Index w = 0; w < 20; ++w)
    CHECK(whole.flux[std::size_t(w)] == float(1e-4 * double(w + 1)));
}

TEST_CASE("files that are no grid of E-MILES models are refused by name") {
  const Folder folder;
  const auto refusal = [&](const std::vector<fs::path>& inputs, double min_age = 0) {
    std::vector<std::string> notes;
    return message([&] { import_emiles_ssp(inputs, min_age, {}, notes); });
  };
  const auto file = write_miles(folder / miles_name("p0.06", "01.0000"));
  const auto older = write_miles(folder / miles_name("p0.06", "10.0000"));
  const auto other = write_miles(folder / miles_name("m0.66", "10.0000"));
  CHECK(refusal({file, older}) == "no error");
  CHECK(contains(refusal({file, older, other}), "no SSP of [M/H] -0.66 and 1 Gyr"));
  CHECK(contains(refusal({file, file}), "a second SSP"));
  CHECK(contains(refusal({file}, 5), "leaves no SSP"));
  CHECK(contains(refusal({folder / "none.fits"}), "there is no file"));
  write_miles(folder / "spectrum.fits");
  CHECK(contains(refusal({folder / "spectrum.fits"}), "not named as E-MILES"));
  const auto padova = write_miles(folder / "Eku1.30Zp0.06T10.0000_iPp0.00_baseFe.fits");
  CHECK(contains(refusal({file, padova}), "different models"));

  const auto spoiled = [&](const Cards& cards) {
    return refusal({write_miles(folder / miles_name("p0.15", "01.0000"), 0, cards)});
  };
  CHECK(contains(spoiled({{"CDELT1", "0.9"}}), "no number CRVAL1"));
  CHECK(contains(spoiled({{"CRVAL1", "3500.0"}, {"CDELT1", "-0.9"}}), "no increasing axis"));
  CHECK(contains(spoiled({{"CRVAL1", "3.5"}, {"CDELT1", "1e-4"}}), "logarithmic"));
  CHECK(contains(spoiled({{"CRVAL1", "350.0"}, {"CDELT1", "0.9"}, {"CUNIT1", "'nm      '"}}),
                 "'nm'"));
  CHECK(contains(refusal({write_miles(folder / miles_name("p0.15", "02.0000"), 20)}), "zero"));
  CHECK(contains(refusal({write_miles(folder / miles_name("p0.15", "03.0000"), 0, {}, 0)}),
                 "pixels"));
  std::ofstream(folder / miles_name("p0.15", "04.0000"), std::ios::binary)
      << image_hdu(true, {20}, [](int i) { return i == 3 ? NAN : 1e-4; },
                   {{"CRVAL1", "3500.0"}, {"CDELT1", "100.0"}});
  CHECK(contains(refusal({folder / miles_name("p0.15", "04.0000")}), "NaN"));
  fs::resize_file(file, 3000);
  CHECK(contains(refusal({file}), "truncated"));
  write_text(file, "\x1f\x8b" + std::string(300, '\xff')); // of 4 GB, it ends by claiming
  CHECK(contains(refusal({file}), "damaged gzip file"));
  write_text(file, "PK\x03\x04");
  CHECK(contains(refusal({file}), "not a FITS file"));
}

TEST_CASE("Maraston's text files become a grid of the ages that all metallicities have") {
  const Folder folder;
  const auto rows = [](const std::string& age, const std::string& z) {
    std::string text;
    for (const char* wavelength : {"3500.0", "3600.9", "5000.0", "7429.4"})
      text += age + "  " + z + "  " + wavelength + "  0.7656E+30\n"; // 2e-4 Lsun
    return text;
  };
  write_text(folder / "ssp_M11_MILES.krz002", "# age\n" + rows("0.1", "0.00") + rows("1", "0.00"));
  write_text(folder / "ssp_M11_MILES.krz001", rows("1", "-0.33") + rows("15", "-0.33"));
  std::vector<std::string> notes;
  const auto grid = import_maraston_ssp({folder.path}, {}, notes);
  CHECK(notes.size() == 2); // ages, wavelengths
  REQUIRE(grid.ages() == 1);
  CHECK(grid.age_gyr[0] == 1);
  REQUIRE(grid.wavelengths() == 2); // MILES has no data at 3500 and 7429 Angstrom
  CHECK(grid.wavelength_angstrom[1] == vacuum_from_air(5000));
  CHECK(grid.log_z_zsun[0] == doctest::Approx(-0.33 + std::log10(0.02 / 0.0142)).epsilon(1e-14));
  CHECK(grid.flux == std::vector<float>(4, float(0.7656e30 / 3.828e33)));
  CHECK(grid.imf == "Kroupa");
  CHECK(grid.resolution_fwhm_angstrom == 2.55);

  const auto refusal = [&](const std::string& text) {
    write_text(folder / "sed.ssz002.rhb", text);
    return message([&] { import_maraston_ssp({folder / "sed.ssz002.rhb"}, {}, notes); });
  };
  CHECK(refusal(rows("1", "0")) == "no error");
  CHECK(contains(refusal(""), "holds no row"));
  CHECK(contains(refusal(rows("1", "0") + "1 0 8000"), "line 5 is not 4 finite numbers"));
  CHECK(contains(refusal("1 0 3500 nan\n"), "line 1 is not 4 finite numbers"));
  CHECK(contains(refusal("1 0 5000 1e30\n1 0 4000 1e30\n"), "expected increasing"));
  CHECK(contains(refusal("1 0 4000 1e-4\n1 0 5000 1e-4\n"), "another unit"));
  CHECK(contains(refusal(rows("1", "0") + "2 0 4000 1e30\n"), "other wavelengths"));
  const auto miles = folder / "ssp_M11_MILES.krz002", again = folder / "ssp_M11_MILES.krz002.rhb";
  write_text(again, rows("1", "0.00"));
  CHECK(contains(message([&] { import_maraston_ssp({miles, again}, {}, notes); }), "a second SSP"));
  CHECK(contains(message([&] { import_maraston_ssp({folder.path}, {}, notes); }),
                 "different models"));
}

TEST_CASE("the table of surviving masses has the values that were interpolated apart") {
  const auto kroupa = golden("formats/massloss_kroupa.txt");
  const auto maraston = golden("formats/m05_stellarmass.kroupa");
  const auto truth = golden("physics/mass.h5"), emiles = golden("ssp/emiles.h5");
  if (kroupa.empty() || maraston.empty() || truth.empty() || emiles.empty()) return;
  const auto table = read_mass_loss_table(kroupa), same = read_mass_loss_table(maraston);
  physics::SspGrid grid = read_ssp(emiles);
  grid.log_z_zsun.array() += std::log10(0.02 / our_zsun); // golden: [M/H] taken for the table's
  const Eigen::MatrixXd fraction = physics::surviving_fractions(table, grid);
  CHECK(fraction == physics::surviving_fractions(same, grid));
  const auto expected = H5Reader(truth).read<double>("csp_cases/M_total_node", {8, 16});
  for (Eigen::Index z = 0; z < 8; ++z)
    for (Eigen::Index a = 0; a < 16; ++a)
      CHECK(fraction(z, a) == doctest::Approx(expected[std::size_t(z * 16 + a)]).epsilon(1e-12));
}

namespace {

// Small files of the two HDF5 layouts, right unless a member is changed.
struct HostileDsps {
  std::vector<double> log_z{-2.7, -1.7}, log_age{-2, 0, 1}, wave{3000, 5000, 7000};
  std::vector<double> flux = std::vector<double>(18, 1e-16);
  Extents flux_shape{2, 3, 3};
  std::string without;

  std::string refusal(const fs::path& file) const {
    H5Writer writer(file, true);
    const auto write = [&](const std::string& name, const Extents& shape, const auto& values) {
      if (name != without) writer.write<double>(name, shape, values);
    };
    write("ssp_lgmet", {std::int64_t(log_z.size())}, log_z);
    write("ssp_lg_age_gyr", {std::int64_t(log_age.size())}, log_age);
    write("ssp_wave", {std::int64_t(wave.size())}, wave);
    write("ssp_flux", flux_shape, flux);
    writer.commit();
    return message([&] { import_dsps_ssp(file, {}); });
  }
};

struct HostileSynthesizer {
  std::vector<double> age{1e7, 1e9}, z{0.01, 0.02}, wave{3000, 5000, 7000};
  std::vector<double> flux = std::vector<double>(12, 4e17);
  std::string age_name = "ages", age_unit = "yr", wave_unit = "angstrom", flux_unit = "erg/s/Hz";
  std::string further_axis;

  std::string refusal(const fs::path& file, const std::string& spectra = "incident") const {
    H5Writer writer(file, true);
    const auto write = [&](const std::string& name, const Extents& shape, const auto& values,
                           const std::string& unit) {
      writer.write<double>(name, shape, values);
      writer.attribute(name, "Units", unit);
    };
    write("axes/" + age_name, {2}, age, age_unit);
    write("axes/metallicities", {2}, z, "dimensionless");
    write("spectra/wavelength", {3}, wave, wave_unit);
    write("spectra/incident", {2, 2, 3}, flux, flux_unit);
    if (!further_axis.empty()) write("axes/" + further_axis, {2}, age, "dimensionless");
    writer.commit();
    return message([&] { import_synthesizer_ssp(file, spectra, {}); });
  }
};

} // namespace

TEST_CASE("a DSPS file with something amiss is refused by file and dataset") {
  const Folder folder;
  const auto refused = [&](const auto& spoil, const std::string& part) {
    HostileDsps file;
    spoil(file);
    const std::string sentence = file.refusal(folder / "d.h5");
    CHECK_MESSAGE(contains(sentence, part), sentence);
    CHECK((part == "no error" || contains(sentence, "d.h5")));
  };
  refused([](HostileDsps&) {}, "no error");
  for (const char* name : {"ssp_lgmet", "ssp_wave", "ssp_flux"})
    refused([&](HostileDsps& f) { f.without = name; }, name);
  refused([](HostileDsps& f) { f.without = "ssp_lg_age_gyr"; }, "ssp_lg_age");
  refused([](HostileDsps& f) { f.wave = {3000, 7000, 5000}; }, "wavelength_angstrom goes from");
  refused([](HostileDsps& f) { f.wave = {0.3, 0.5, 0.7}; }, "Angstrom; is it in another unit?");
  refused([](HostileDsps& f) { f.log_age = {7, 9, 10}; }, "ages in another unit");
  refused([](HostileDsps& f) { f.log_z = {-1, 0}; }, "ssp_lgmet");
  refused([](HostileDsps& f) { f.flux.assign(18, 1e-4); }, "in another unit?");
  refused([](HostileDsps& f) { f.flux[7] = NAN; }, "'ssp_flux' holds NaN");
  refused([](HostileDsps& f) { f.flux_shape = {3, 2, 3}; }, "[3, 2, 3]");
  refused([](HostileDsps& f) { f.wave.clear(), f.flux.clear(), f.flux_shape = {2, 3, 0}; }, "");
  HostileDsps{}.refusal(folder / "d.h5");
  fs::resize_file(folder / "d.h5", fs::file_size(folder / "d.h5") - 100);
  CHECK(contains(message([&] { import_dsps_ssp(folder / "d.h5", {}); }), "truncated or damaged"));
  write_text(folder / "t.h5", "no HDF5");
  CHECK(contains(message([&] { import_dsps_ssp(folder / "t.h5", {}); }), "not an HDF5 file"));
}

TEST_CASE("a Synthesizer grid in old names is read, and with something amiss it is refused") {
  const Folder folder;
  const auto refused = [&](const auto& spoil, const std::string& part) {
    HostileSynthesizer file;
    spoil(file);
    const std::string sentence = file.refusal(folder / "s.h5");
    CHECK_MESSAGE(contains(sentence, part), sentence);
  };
  refused([](HostileSynthesizer&) {}, "no error");
  refused([](HostileSynthesizer& f) { f.age_name = "log10age", f.age = {7, 9}; }, "no error");
  refused([](HostileSynthesizer& f) { f.age_unit = "Gyr", f.age = {1, 2}; }, "no error");
  refused([](HostileSynthesizer& f) { f.age_unit = "s"; }, "expected yr, Myr or Gyr");
  refused([](HostileSynthesizer& f) { f.age_name = "epochs"; }, "no axis of ages");
  refused([](HostileSynthesizer& f) { f.wave_unit = "um"; }, "in 'um'; expected Angstrom");
  refused([](HostileSynthesizer& f) { f.flux_unit = "Lsun/Hz"; }, "expected erg/s/Hz");
  refused([](HostileSynthesizer& f) { f.further_axis = "alphas"; }, "3 axes");
  refused([](HostileSynthesizer& f) { f.z = {-2, -1}; }, "mass fraction");
  refused([](HostileSynthesizer& f) { f.wave = {5000, 3000, 7000}; }, "expected increasing");
  refused([](HostileSynthesizer& f) { f.flux[2] = INFINITY; }, "NaN or Inf");
  CHECK(contains(HostileSynthesizer{}.refusal(folder / "s.h5", "nebular"), "spectra/nebular"));
}
