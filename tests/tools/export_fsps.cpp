// tools/export_fsps.py on a stand-in for python-fsps whose spectra tell age and metallicity.
#include "tests/tools/files_helpers.hpp"
#include "tools/files/ssp.hpp"

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <doctest/doctest.h>
#include <fstream>

using namespace lookback;
using namespace lookback::tools;
using namespace lookback::test;

namespace {

constexpr char stand_in[] = R"(
import numpy as np
__version__ = "0"
class StellarPopulation:
    ssp_ages = np.array([5.0, 10.2])
    libraries = (b"mist", b"LIBRARY", b"DL07")
    solar_metallicity = 0.0185
    wavelengths = np.array([2000.0, 4000.0, 6000.0])
    def __init__(self, **parameters):
        assert parameters["zcontinuous"] == 1 and parameters["sfh"] == 0
        assert not parameters["add_neb_emission"] and not parameters["add_dust_emission"]
        self.params = {}
    def get_spectrum(self, tage, peraa):
        assert peraa and tage > 0
        self.stellar_mass = 1 - 0.01 * tage
        return self.wavelengths, 1e-9 * self.wavelengths * tage * 10 ** self.params["logzsol"]
)";

void write_stand_in(const Folder& folder, const std::string& library) {
  std::string text = stand_in;
  text.replace(text.find("LIBRARY"), 7, library);
  std::ofstream(folder / "fsps.py") << text;
}

int run_python(const Folder& folder, const std::string& arguments) {
  const std::string command = "PYTHONDONTWRITEBYTECODE=1 PYTHONPATH='" + folder.path.string() +
                              "' '" LOOKBACK_PYTHON "' " + arguments + " </dev/null 2>'" +
                              (folder / "err").string() + "'";
  const int status = std::system(command.c_str());
  std::filesystem::remove(folder / "err");
  return status;
}

const std::string script = std::string("'") + LOOKBACK_SOURCE_DIR + "/tools/export_fsps.py' ";

} // namespace

TEST_CASE("the grid that export_fsps.py writes is read: ages, metallicities, attributes") {
  const Folder folder;
  if (run_python(folder, "-c 'import numpy, h5py'") != 0) {
    std::printf("SKIPPED: %s has no numpy and h5py (CMake option LOOKBACK_PYTHON)\n",
                LOOKBACK_PYTHON);
    return;
  }
  write_stand_in(folder, "miles");
  const std::string run = script + "--ages 5 --metallicities 3 --wavelengths 3000 9000 -o '" +
                          (folder / "fsps.h5").string() + "'";
  REQUIRE(run_python(folder, run) == 0);
  const physics::SspGrid grid = read_ssp(folder / "fsps.h5");
  REQUIRE(grid.ages() == 5);
  CHECK(grid.age_gyr[0] == doctest::Approx(1e-4).epsilon(1e-12)); // FSPS's youngest
  CHECK(grid.age_gyr[1] == doctest::Approx(grid.age_gyr[4] / 4).epsilon(1e-12));
  CHECK(grid.age_gyr[4] == doctest::Approx(13.797616).epsilon(1e-12));
  REQUIRE(grid.metallicities() == 3);
  const double shift = std::log10(0.0185 / 0.0142);
  for (int z = 0; z < 3; ++z)
    CHECK(grid.log_z_zsun[z] == doctest::Approx(-2.5 + 1.5 * z + shift).epsilon(1e-12));
  REQUIRE(grid.wavelengths() == 2);
  for (int z = 0; z < 3; ++z)
    for (int a = 0; a < 5; ++a) {
      const double scale = 1e-9 * grid.age_gyr[a] * std::pow(10, -2.5 + 1.5 * z);
      CHECK(grid.flux[std::size_t((z * 5 + a) * 2)] ==
            doctest::Approx(4000 * scale).epsilon(1e-6)); // float32
      CHECK((*grid.surviving_mass_fraction)(z, a) ==
            doctest::Approx(1 - 0.01 * grid.age_gyr[a]).epsilon(1e-12));
    }
  CHECK(grid.lsun_erg_per_s == 3.839e33);
  CHECK(grid.original_zsun == 0.0185);
  CHECK(grid.original_medium == "vacuum");
  CHECK(grid.isochrones == "MIST");
  CHECK(grid.stellar_library == "MILES");
  CHECK(grid.resolution_fwhm_angstrom == 2.54);

  CHECK(run_python(folder, run) != 0); // the output exists
  CHECK(run_python(folder, run + " --overwrite") == 0);
  write_stand_in(folder, "basel");
  CHECK(run_python(folder, run + " --overwrite") != 0); // not the library of the paper
  CHECK(run_python(folder, run + " --overwrite --any-library") == 0);
  CHECK_FALSE(read_ssp(folder / "fsps.h5").resolution_fwhm_angstrom);
  CHECK(folder.entries() == 2); // fsps.py and the grid: no temporary file is left
}
