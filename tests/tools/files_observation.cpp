// Observed spectra: the real SDSS files against the numbers of the data's own description, damaged
// copies of one of them, plain text, and the masks.
#include "tools/files/observation.hpp"

#include "tests/golden.hpp"
#include "tests/tools/files_helpers.hpp"
#include "tests/tools/observations.hpp"
#include "tools/files/spectra.hpp"
#include "tools/files/vacuum.hpp"

#include <algorithm>
#include <doctest/doctest.h>
#include <fstream>

using namespace lookback;
using namespace lookback::tools;
using namespace lookback::test;
namespace fs = std::filesystem;

namespace {

void write_bytes(const fs::path& file, const std::string& bytes) {
  std::ofstream(file, std::ios::binary) << bytes;
}

} // namespace

TEST_CASE("the real SDSS and BOSS spectra are read with the redshift and range that SDSS states") {
  struct Expected {
    const char* file;
    double redshift, first, last;
    int pixels;
  };
  for (const auto& e : {Expected{"spec-0266-51602-0001", 0.02128, 3806, 9202, 3835},
                        Expected{"spec-0266-51602-0573", 0.26186, 3812, 9211, 3832},
                        Expected{"spec-1045-52725-0628", 0.03197, 3822, 9200, 3816},
                        Expected{"spec-3586-55181-0003", 0.58870, 3561, 10328, 4625},
                        Expected{"ppxf_NGC3522_SDSS_DR18", 0.00402, 3826, 9209, 3815},
                        Expected{"ppxf_NGC4636_SDSS_DR12", 0.00303, 3809, 9215, 3838},
                        Expected{"ppxf_NGC3073_SDSS_DR18", 0.00376, 3796, 9205, 3848}}) {
    const auto file = golden(std::string("spectra/") + e.file + ".fits");
    if (file.empty()) return;
    CAPTURE(e.file);
    const Observation o = read(file);
    CHECK(std::abs(o.redshift - e.redshift) <= 0.5e-5 + 1e-9);
    CHECK(std::abs(o.wavelength_angstrom.front() - e.first) <= 1);
    CHECK(std::abs(o.wavelength_angstrom.back() - e.last) <= 1);
    CHECK(int(o.flux.size()) == e.pixels);
    CHECK(o.flux_unit == 1e-17);
    CHECK(lost(o, "used") > 3000);
    CHECK(o.resolution_sigma_km_s.size() == o.flux.size());
  }
}

TEST_CASE("pixels are lost for the reasons that the file gives, by the policy chosen") {
  const auto boss = golden("spectra/spec-3586-55181-0003.fits");
  const auto file = golden("spectra/spec-0266-51602-0573.fits");
  if (boss.empty() || file.empty()) return;
  CHECK(lost(read(boss), "no ivar") == 15); // counts from the files' own bytes, read apart
  CHECK(lost(read(file), "no ivar") == 0);
  CHECK(lost(read(file), "bright sky") == 180);
  ObservationOptions options;
  options.policy = MaskPolicy::or_mask;
  CHECK(lost(read(file, options), "bright sky") == 554);
  options.policy = MaskPolicy::none;
  CHECK(lost(read(file, options), "bright sky") == 0);
  options.user_masks = {{5000, 6000}, {5500, 6500}};
  const Observation o = read(file, options);
  for (std::size_t i = 0; i < o.mask.size(); ++i) {
    const double w = o.wavelength_angstrom[i];
    CHECK(((o.mask[i] & mask_user) != 0) == (w >= 5000 && w <= 6500));
    if (o.mask[i] & mask_sky_line) CHECK(std::abs(w - 5578.89) <= 10);
  }
}

TEST_CASE("a pipeline class that is no galaxy warns and rejects nothing") {
  const auto file = golden("spectra/ppxf_NGC3073_SDSS_DR18.fits");
  if (file.empty()) return;
  std::vector<std::string> warnings;
  CHECK(lost(read_observation(file, {}, warnings), "used") > 3000);
  REQUIRE(warnings.size() == 1);
  CHECK(contains(warnings[0], "STAR"));
}

TEST_CASE("a spectrum that is cut, damaged or empty is refused in one sentence") {
  const auto file = golden("spectra/spec-0266-51602-0573.fits");
  if (file.empty()) return;
  const Folder folder;
  const std::string whole = bytes_of(file);
  const auto refusal = [&](const std::string& bytes, const ObservationOptions& options = {}) {
    write_bytes(folder / "s.fits", bytes);
    const std::string sentence = message([&] { read(folder / "s.fits", options); });
    CHECK_FALSE(contains(sentence, "\n"));
    return sentence;
  };
  for (const std::size_t cut : {0u, 100u, 3000u, 20000u, 60000u, 120000u}) {
    CAPTURE(cut);
    CHECK(refusal(whole.substr(0, cut)) != "no error");
  }
  CHECK(contains(refusal(whole.substr(0, 20000)), "truncated"));

  std::string renamed = whole;
  renamed.replace(renamed.find("'ivar    '"), 10, "'xvar    '");
  CHECK(contains(refusal(renamed), "no column 'ivar'"));

  // HDU 1 has 32 bytes a row: flux, loglam, ivar, … as big-endian 4-byte numbers.
  const std::size_t rows = 3832, data = whole.find("XTENSION") +
                                        2880 * ((whole.find("END   ", whole.find("XTENSION")) -
                                                 whole.find("XTENSION")) /
                                                    2880 +
                                                1);
  std::string blind = whole, unsorted = whole;
  for (std::size_t row = 0; row < rows; ++row)
    blind.replace(data + 32 * row + 8, 4, std::string(4, '\0'));
  CHECK(contains(refusal(blind), "ivar is 0 in every pixel"));
  unsorted.replace(data + 32 * 5 + 4, 4, whole.substr(data + 4, 4));
  CHECK(contains(refusal(unsorted), "increasing (pixel 5"));

  ObservationOptions everything;
  everything.user_masks = {{0, 1e5}};
  CHECK(contains(refusal(whole, everything), "no pixel of the 3832 can be used"));
  CHECK(contains(message([&] { read(folder / "missing.fits"); }), "there is no file"));
}

TEST_CASE("plain text is read with the units given") {
  const Folder folder;
  write_bytes(folder / "s.txt",
              "# a comment\nwave flux err\n500.0 1.5 0.5\n501,2.5,0\r\n\n502\t-1e0 +0.25 7\n");
  ObservationOptions options;
  options.angstrom_per_unit = 10;
  options.redshift = 0.1;
  options.mask_emission_lines = false;
  const Observation o = read(folder / "s.txt", options);
  CHECK(o.wavelength_angstrom == std::vector<double>{5000, 5010, 5020});
  CHECK(o.flux == std::vector<double>{1.5, 2.5, -1});
  CHECK(o.ivar == std::vector<double>{4, 0, 16});
  CHECK(o.mask == std::vector<std::uint32_t>{0, mask_no_ivar, 0});
  CHECK(o.redshift == 0.1);
  write_bytes(folder / "s.txt", "5000 1 1\n5001 nonsense 1\n");
  CHECK(contains(message([&] { read(folder / "s.txt"); }), "line 2 is not three numbers"));
  write_bytes(folder / "s.txt", "5000 1 1\n5000 1 1\n");
  CHECK(contains(message([&] { read(folder / "s.txt"); }), "increasing"));
  write_bytes(folder / "s.txt", "5000 nan 1\n5001 2 1\n");
  CHECK(lost(read(folder / "s.txt"), "not finite") == 1);
}

TEST_CASE("air wavelengths become vacuum wavelengths as Ciddor's formula says") {
  CHECK(vacuum_from_air(5577.338) == doctest::Approx(5578.887).epsilon(1e-7)); // [O I], NIST
  CHECK(vacuum_from_air(6562.79) == doctest::Approx(6564.60).epsilon(1e-6));   // H alpha, NIST
  CHECK(vacuum_from_air(1500) == 1500);
}

TEST_CASE("without a redshift emission lines stay and a warning says so") {
  const Folder folder;
  write_bytes(folder / "s.txt", "4900 1 1\n4999 1 1\n5008 1 1\n5578 1 1\n");
  std::vector<std::string> warnings;
  const Observation o = read_observation(folder / "s.txt", {}, warnings);
  CHECK(o.mask == std::vector<std::uint32_t>{0, 0, 0, mask_sky_line});
  REQUIRE(warnings.size() == 1);
  CHECK(contains(warnings[0], "redshift"));
  ObservationOptions options;
  options.redshift = 0;
  CHECK(lost(read(folder / "s.txt", options), "emission line") == 2);
}

TEST_CASE("a row of a mock file is an observation that knows its truth") {
  const Folder folder;
  Spectra s;
  s.count = 2;
  s.wavelength_angstrom = {5000, 5578};
  s.flux_erg_s_cm2_angstrom = {1e-17, 2e-17, 3e-17, 4e-17};
  s.ivar = {1e34, 1e34, 4e34, 4e34};
  s.noiseless = s.flux_erg_s_cm2_angstrom;
  s.truth = {2, 1, {1, 2}, {0, -1}, {0, 13}, {0.1, 0.2}, {0, 0.5}, {}};
  write_spectra({folder / "s.h5"}, s);
  ObservationOptions options;
  options.index = 1;
  const Observation o = read(folder / "s.h5", options);
  CHECK(o.flux[0] == doctest::Approx(3).epsilon(1e-14));
  CHECK(o.ivar[1] == doctest::Approx(4).epsilon(1e-14));
  CHECK(o.redshift == 0.2);
  CHECK(o.a_v == 0.5);
  CHECK(o.true_sfr_msun_per_yr == std::vector<double>{2});
  CHECK(o.mask == std::vector<std::uint32_t>{0, 0}); // a mock has neither sky nor emission lines
  options.index = 2;
  CHECK(contains(message([&] { read(folder / "s.h5", options); }), "has 2 spectra; there is no 2"));
}

TEST_CASE("ranges and policies are read from their text") {
  CHECK(wavelength_range("5000:6000.5") == std::pair(5000.0, 6000.5));
  for (const char* bad : {"", "5000", "6000:5000", "a:b", "1:2:3", "-1:5"})
    CHECK(contains(message([&] { wavelength_range(bad); }), "not a range"));
  CHECK(mask_policy("or") == MaskPolicy::or_mask);
  CHECK(contains(message([] { mask_policy("xor"); }), "not one of"));
}
