// Transmission curves as text, by hand.
#include "tools/files/filter_curve.hpp"

#include "tests/tools/files_helpers.hpp"

#include <doctest/doctest.h>
#include <fstream>

using namespace lookback;
using namespace lookback::tools;
using namespace lookback::test;

namespace {

struct Curve {
  Folder folder;
  physics::Band read(const std::string& text, const FilterCurveOptions& options = {}) const {
    std::ofstream(folder / "r.dat", std::ios::binary) << text;
    return read_filter_curve(folder / "r.dat", options);
  }
  std::string refusal(const std::string& text, const FilterCurveOptions& options = {}) const {
    return message([&] { read(text, options); });
  }
};

} // namespace

TEST_CASE("a transmission curve is read in its unit, per photon") {
  const Curve curve;
  const physics::Band band = curve.read("# SLOAN r\n# photon\n5500 0.0\r\n6000,0.5\n\n7000\t0 \n");
  CHECK(band.name == "r");
  CHECK(band.wavelength_angstrom == Eigen::VectorXd{{5500, 6000, 7000}});
  CHECK(band.transmission == Eigen::VectorXd{{0, 0.5, 0}});
  CHECK(
      curve.read("550 0\n600 1\n", {.angstrom_per_unit = 10, .detector = {}}).wavelength_angstrom ==
      Eigen::VectorXd{{5500, 6000}});
}

TEST_CASE("an energy-counting curve gives the maggies of a photon counter of T / wavelength") {
  const Curve curve;
  const Eigen::VectorXd per_photon{{0.2 / 5000, 0.8 / 6000}};
  const std::string numbers = "5000 0.2\n6000 0.8\n";
  CHECK(curve.read("# Energy counter\n" + numbers).transmission == per_photon);
  CHECK(curve.read(numbers, {.detector = Detector::energy}).transmission == per_photon);
  CHECK(curve.read("# energy\n" + numbers, {.detector = Detector::photon}).transmission ==
        Eigen::VectorXd{{0.2, 0.8}});
  CHECK(detector("energy") == Detector::energy);
  CHECK(contains(message([] { detector("bolometer"); }), "not one of photon, energy"));
}

TEST_CASE("text that is no transmission curve is refused in one sentence") {
  const Curve curve;
  CHECK(contains(curve.refusal(""), "at least 2"));
  CHECK(contains(curve.refusal("# only comments\n"), "at least 2"));
  CHECK(contains(curve.refusal("5000 0.1\n6000\n"), "line 2 is not two numbers"));
  CHECK(contains(curve.refusal("wave trans\n5000 0.1\n"), "line 1 is not two numbers"));
  CHECK(contains(curve.refusal("6000 0.1\n5000 0.1\n"), "not positive and increasing"));
  CHECK(contains(curve.refusal("5000 nan\n6000 1\n"), "not finite"));
  CHECK(contains(curve.refusal("nan 1\n6000 1\n"), "not positive and increasing"));
  CHECK(contains(curve.refusal("5000 0\n6000 0\n"), "all 0"));
  CHECK(contains(curve.refusal("# photon or energy\n5000 1\n6000 1\n"), "say which"));
  CHECK(contains(message([&] { read_filter_curve(curve.folder / "none"); }), "there is no file"));
}
