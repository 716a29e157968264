// The table of Draine & Li 2007 in both of its forms against each other, and damaged copies.
#include "tools/files/dust_table.hpp"

#include "engine/hdf5.hpp"
#include "physics/dust_emission.hpp"
#include "tests/golden.hpp"
#include "tests/tools/files_helpers.hpp"

#include <doctest/doctest.h>
#include <fstream>
#include <sstream>

using namespace lookback;
using namespace lookback::tools;
using namespace lookback::test;
namespace fs = std::filesystem;

namespace {

// A file of Draine's layout with three wavelengths.
std::string small_text(int model, double umin, double umax, const std::string& last = "1.0 1 0.5") {
  std::ostringstream text;
  text << "Dust emission from Draine & Li (2007)\n " << model << " = grain model\n"
       << umin << " " << umax << " 2.0 = Umin , Umax, beta\n\nlambda nu*dP/dnu j_nu\n"
       << " (um)   (erg s-1 H-1)(Jy cm2 sr-1 H-1)\n100 1 " << model + umin << "\n10 1 " << umax
       << "\n"
       << last << "\n";
  return text.str();
}

void write(const fs::path& file, const std::string& text) {
  std::ofstream(file) << text;
}

struct SmallTable {
  double jnu_umin_only[4] = {1, 2, 3, 4};
  std::string unit = "Jy cm2 sr-1 H-1";
  std::vector<double> micron = {1, 10}, umax = {1e6};
  std::string omitted = "";

  void write(const fs::path& file) const {
    H5Writer writer(file, true);
    const auto put = [&](const std::string& name, const Extents& shape,
                         std::span<const double> values) {
      if (name != omitted) writer.write<double>(name, shape, values);
    };
    const std::vector<double> qpah = {1, 2}, umin = {1}, umin_umax = {5, 6, 7, 8};
    put("wavelength_micron", {2}, micron);
    put("qpah_percent", {2}, qpah);
    put("umin", {1}, umin);
    put("umax", {std::int64_t(umax.size())}, umax);
    put("jnu_umin_only", {2, 1, 2}, jnu_umin_only);
    put("jnu_umin_umax", {2, 1, 1, 2}, umin_umax);
    if (omitted != "jnu_umin_only") writer.attribute("jnu_umin_only", "units", unit);
    writer.commit();
  }
};

} // namespace

TEST_CASE("Draine & Li's own text files and the packed table hold the same emissivities") {
  const auto packed = golden("dust/dl07.h5"), folder = golden("formats/dl07");
  if (packed.empty() || folder.empty()) return;
  const physics::DustTable all = read_dust_table(packed), few = read_dust_table(folder);
  CHECK(all.qpah_percent.size() == 7);
  CHECK(all.umin.size() == 23);
  CHECK(all.umax == Eigen::VectorXd{{1e3, 1e4, 1e5, 1e6}});
  CHECK(few.qpah_percent == Eigen::VectorXd{{3.19, 3.90}});
  CHECK(few.umin == Eigen::VectorXd{{1}});
  CHECK(few.umax == Eigen::VectorXd{{1e6}});
  CHECK(few.wavelength_micron == all.wavelength_micron);
  const physics::DustMixture mixture; // the defaults need no more than the four text files
  const Eigen::VectorXd a = dl07_mixture(all, mixture), b = dl07_mixture(few, mixture);
  CHECK((a - b).cwiseAbs().maxCoeff() < 1e-7 * a.maxCoeff()); // the packed table is float32
}

TEST_CASE("a folder of dust emission gives a table in increasing order, of whole products only") {
  const Folder folder;
  fs::create_directory(folder / "U2.00");
  for (const int model : {2, 1})
    for (const double u : {2.0, 1.0}) {
      const std::string name = "_MW3.1_" + std::to_string(model) + ".txt";
      const fs::path at = u == 2 ? folder.path / "U2.00" : folder.path;
      write(at / ("U" + std::to_string(u) + name), small_text(model, u, u));
      write(at / ("U" + std::to_string(u) + "_1e6" + name), small_text(model, u, 1e6));
    }
  write(folder / "U1.00_1e3_MW3.1_00.txt", small_text(1, 1, 1e3)); // 1e3 has one file of four
  write(folder / "U1.00_1e3_LMC2_00.txt", "another dust");
  const physics::DustTable table = read_dust_table(folder.path);
  CHECK(table.wavelength_micron == Eigen::VectorXd{{1, 10, 100}});
  CHECK(table.qpah_percent == Eigen::VectorXd{{0.47, 1.12}});
  CHECK(table.umin == Eigen::VectorXd{{1, 2}});
  CHECK(table.umax == Eigen::VectorXd{{1e6}});
  CHECK(table.jnu_umin_only == std::vector<double>{0.5, 1, 2, 0.5, 2, 3, 0.5, 1, 3, 0.5, 2, 4});
  CHECK(table.jnu_umin_umax[4] == 1e6);

  fs::remove(folder / "U1.000000_MW3.1_2.txt");
  CHECK(contains(message([&] { read_dust_table(folder.path); }),
                 "no file for qpah 1.12 %, Umin 1, Umax 1"));
}

TEST_CASE("damaged text files of dust emission are refused by name") {
  const Folder folder;
  const auto refusal = [&](const std::string& text) {
    write(folder / "U1.00_1.00_MW3.1_00.txt", small_text(1, 1, 1));
    write(folder / "U1.00_1e6_MW3.1_00.txt", text);
    return message([&] { read_dust_table(folder.path); });
  };
  CHECK(refusal(small_text(1, 1, 1e6)) == "no error");
  CHECK(contains(refusal(""), "U1.00_1e6_MW3.1_00.txt' is not a file of Draine & Li"));
  CHECK(contains(refusal(small_text(1, 1, 1e6).substr(0, 120)), "is not a file of Draine & Li"));
  CHECK(contains(refusal(small_text(1, 1, 1e6, "")), "is it cut?"));
  CHECK(contains(refusal(small_text(1, 1, 1e6, "1.0 1")), "is not three numbers"));
  CHECK(contains(refusal(small_text(1, 1, 1e6, "1.0 1 nan")), "not finite"));
  CHECK(contains(refusal(small_text(9, 1, 1e6)), "grain model 9 is none of the Milky Way's"));
  std::string watt = small_text(1, 1, 1e6);
  watt.replace(watt.find("(Jy"), 3, "(W ");
  CHECK(contains(refusal(watt), "j_nu is not in Jy"));
  const Folder empty;
  CHECK(contains(message([&] { read_dust_table(empty.path); }), "there is no file U*_MW3.1_*.txt"));
}

TEST_CASE("damaged packed tables of dust emission are refused by dataset") {
  const Folder folder;
  const auto refusal = [&](const SmallTable& table) {
    table.write(folder / "t.h5");
    return message([&] { read_dust_table(folder / "t.h5"); });
  };
  CHECK(refusal({}) == "no error");
  CHECK(contains(refusal({.unit = "W / H"}), "'jnu_umin_only' is in 'W / H', expected 'Jy"));
  CHECK(contains(refusal({.micron = {10, 1}}), "wavelength_micron goes from 10 to 1"));
  CHECK(contains(refusal({.umax = {1e3, 1e6}}), "jnu_umin_umax"));
  CHECK(contains(refusal({.umax = {}}), "umax"));
  CHECK(contains(refusal({.jnu_umin_only = {1, NAN, 1, 1}}), "NaN"));
  CHECK(contains(refusal({.jnu_umin_only = {1, -1, 1, 1}}), "negative"));
  for (const char* name : {"wavelength_micron", "umin", "jnu_umin_only"})
    CHECK(contains(refusal({.omitted = name}), name));
  CHECK(contains(message([&] { read_dust_table(folder / "none.h5"); }), "there is no file"));
  SmallTable{}.write(folder / "t.h5");
  fs::resize_file(folder / "t.h5", 1000);
  CHECK(message([&] { read_dust_table(folder / "t.h5"); }) != "no error");
}
