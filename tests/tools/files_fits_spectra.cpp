// Layouts of spectra besides SDSS's own, on real files: numbers read from their bytes apart, and
// damaged copies.
#include "tests/golden.hpp"
#include "tests/tools/files_helpers.hpp"
#include "tests/tools/observations.hpp"
#include "tools/files/fits_units.hpp"
#include "tools/files/observation.hpp"
#include "tools/files/vacuum.hpp"

#include <algorithm>
#include <doctest/doctest.h>
#include <fstream>
#include <iterator>

using namespace lookback;
using namespace lookback::tools;
using namespace lookback::test;
namespace fs = std::filesystem;

namespace {

constexpr const char* old_sdss = "spectra/ppxf_NGC3522_SDSS.fits";
constexpr const char* legac = "spectra/legac_M19_56670_v3.0.fits";
constexpr const char* vandels = "spectra/VANDELS_CDFS_017433.fits";

// Texts of equal length, so that no byte moves.
std::string replaced(std::string bytes, const std::string& from, const std::string& to) {
  REQUIRE(from.size() == to.size());
  return bytes.replace(bytes.find(from), from.size(), to);
}

struct Damaged {
  Folder folder;
  std::string refusal(const std::string& bytes) const {
    std::ofstream(folder / "s.fits", std::ios::binary) << bytes;
    return message([&] { read(folder / "s.fits"); });
  }
};

} // namespace

TEST_CASE("the older layout of SDSS is read, its redshift from the text in the header") {
  const auto file = golden(old_sdss);
  if (file.empty()) return;
  const Observation o = read(file);
  CHECK(o.source == "SDSS, older layout");
  CHECK(o.flux.size() == 3847);
  CHECK(o.redshift == 0.00401801);
  CHECK(o.velocity_dispersion_km_s == 97.3602);
  CHECK(o.flux[0] == doctest::Approx(123.67675018).epsilon(1e-10));
  CHECK(std::abs(o.wavelength_angstrom[3846] / 9221.46665124 - 1) < 1e-11);
  CHECK(lost(o, "no ivar") == 32);
  CHECK(lost(o, "bright sky") == 0);
}

TEST_CASE("LEGA-C spectra are read from vectors, with units, quality and air from the header") {
  const auto file = golden(legac);
  if (file.empty()) return;
  ObservationOptions options;
  options.redshift = 0.7;
  const Observation o = read(file, options);
  CHECK(o.source == "ESO phase 3");
  CHECK(o.flux.size() == 6166);
  CHECK(o.redshift == 0.7);
  CHECK(lost(o, "no ivar") == 2080); // QUAL 1; of these 2075 are NaN
  CHECK(lost(o, "not finite") == 2075);
  CHECK(std::abs(o.wavelength_angstrom[0] / vacuum_from_air(5800.3) - 1) < 1e-7); // float32
  std::vector<double> good;
  for (std::size_t i = 0; i < o.flux.size(); ++i)
    if (o.ivar[i] > 0) good.push_back(o.flux[i]);
  const auto middle = good.begin() + std::ptrdiff_t(good.size() / 2);
  std::nth_element(good.begin(), middle, good.end());
  CHECK(*middle == doctest::Approx(1.9234).epsilon(1e-3)); // median 192.34 of 1e-19
  CHECK(o.resolution_sigma_km_s.at(0) == doctest::Approx(299792.458 / 2500 / 2.354820045));
}

TEST_CASE("VANDELS spectra are read in the project's flux unit") {
  const auto file = golden(vandels);
  if (file.empty()) return;
  std::vector<std::string> warnings;
  const Observation o = read_observation(file, {}, warnings);
  CHECK(o.flux.size() == 2154);
  CHECK(o.flux[1000] == doctest::Approx(0.1013776).epsilon(1e-6));
  CHECK(o.ivar[1000] == doctest::Approx(std::pow(4.3811056e-3, -2)).epsilon(1e-6));
  CHECK(lost(o, "no ivar") == 0);
  CHECK(o.resolution_sigma_km_s.at(0) == doctest::Approx(299792.458 / 580 / 2.354820045));
  CHECK(std::isnan(o.redshift));
  CHECK(warnings.size() == 1);
}

TEST_CASE("damaged spectra of the other layouts are refused in one sentence") {
  const auto sdss = golden(old_sdss), eso = golden(legac);
  if (sdss.empty() || eso.empty()) return;
  const Damaged damaged;
  const std::string old = bytes_of(sdss), lega = bytes_of(eso);
  CHECK(damaged.refusal(old) == "no error");
  CHECK(damaged.refusal(lega) == "no error");

  const auto unknown = damaged.refusal(replaced(old, "'inverse_variance'", "'inverse_varianze'"));
  CHECK(contains(unknown, "HDU 1 has no column 'loglam' (SDSS), 'inverse_variance'"));
  CHECK(contains(damaged.refusal(replaced(old, "'wavelength'", "'wavelangth'")), "wavelength"));
  CHECK(contains(damaged.refusal(replaced(old, "'or_mask '", "'or_musk '")), "no error")); // unused
  CHECK(contains(damaged.refusal(replaced(old, "'and_mask'", "'and_musk'")), "and_mask"));
  CHECK(contains(damaged.refusal(replaced(old, "cm^2/s/Ang'", "cm^2/s/Hz '")), "expected erg"));
  CHECK(contains(damaged.refusal(replaced(old, "NAXIS2  =                 3847",
                                          "NAXIS2  =                    0")),
                 "empty"));

  CHECK(contains(damaged.refusal(replaced(lega, "'ERR     '", "'ERX     '")), "no column 'ERR'"));
  CHECK(contains(damaged.refusal(replaced(lega, "'angstrom'", "'furlong '")), "'furlong'"));
  CHECK(contains(damaged.refusal(replaced(lega, "cm**(-2).s**(-1).angstrom**(-1)",
                                          "cm**(-2).s**(-1).hertz   **(-1)")),
                 "expected erg"));
  CHECK(contains(damaged.refusal(replaced(lega, "'6166I   '", "'3083J   '")), "QUAL 3083"));
  for (const char* rows : {"0", "2"})
    CHECK(contains(damaged.refusal(replaced(lega, "NAXIS2  =                    1",
                                            std::string("NAXIS2  =                    ") + rows)),
                   rows[0] == '0' ? "has 0 rows; expected 1" : "truncated"));
  for (const std::size_t cut : {3000u, 12000u, 17000u, 60000u})
    for (const std::string& whole : {old, lega})
      CHECK(damaged.refusal(whole.substr(0, cut)) != "no error");

  std::string unsorted = lega; // pixel 1 at the wavelength of pixel 0
  const std::size_t data = 17280;
  unsorted.replace(data + 4, 4, lega.substr(data, 4));
  CHECK(contains(damaged.refusal(unsorted), "increasing (pixel 1"));
}

TEST_CASE("units of FITS headers are understood or refused") {
  CHECK(erg_per_s_cm2_angstrom("1E-17 erg/cm^2/s/Ang") == doctest::Approx(1e-17));
  CHECK(erg_per_s_cm2_angstrom("10**(-19).erg.cm**(-2).s**(-1).angstrom**(-1)") ==
        doctest::Approx(1e-19));
  CHECK(erg_per_s_cm2_angstrom("10^-18 erg s^-1 cm^-2 Angstrom^-1") == doctest::Approx(1e-18));
  CHECK(erg_per_s_cm2_angstrom("erg cm**(-2) s**(-1) angstrom**(-1)") == 1);
  for (const char* wrong : {"", "Jy", "erg/s/cm2/Hz", "W/m2/um", "erg/s/cm2", "1e-17"})
    CHECK(contains(message([&] { erg_per_s_cm2_angstrom(wrong); }), "expected erg"));
  CHECK(angstrom_in("Angstrom") == 1);
  CHECK(angstrom_in("nm") == 10);
  CHECK(angstrom_in("micron") == 1e4);
  CHECK(contains(message([] { angstrom_in("Hz"); }), "expected angstrom"));
  CHECK(number_in("0.5") == 0.5);
  CHECK(std::isnan(number_in("half")));
  CHECK(std::isnan(number_in("")));
}
