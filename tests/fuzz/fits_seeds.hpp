// Small right FITS files, one a reader: what the fuzzer begins to mutate.
#pragma once

#include "tests/tools/fits_bytes.hpp"

#include <cmath>
#include <string>
#include <vector>

namespace lookback::test {

struct Column {
  std::string name, unit;
  int repeat = 1;
  double first = 1, step = 0; // of its numbers, or
  std::string text = "";      // the text of every row
};

inline std::string quoted(const std::string& text) {
  return "'" + text + "'";
}

// A binary table of float64 and text columns.
inline std::string table_hdu(const std::string& extension, const std::vector<Column>& columns,
                             int rows) {
  const auto width = [](const Column& c) {
    return c.text.empty() ? 8 * c.repeat : int(c.text.size());
  };
  int row_bytes = 0;
  Cards cards;
  for (std::size_t i = 0; i < columns.size(); ++i) {
    const Column& c = columns[i];
    const std::string number = std::to_string(i + 1);
    row_bytes += width(c);
    cards.emplace_back("TTYPE" + number, quoted(c.name));
    cards.emplace_back("TFORM" + number,
                       quoted(c.text.empty() ? std::to_string(c.repeat) + "D"
                                             : std::to_string(c.text.size()) + "A"));
    if (!c.unit.empty()) cards.emplace_back("TUNIT" + number, quoted(c.unit));
  }
  Cards head{{"BITPIX", "8"},
             {"NAXIS", "2"},
             {"NAXIS1", std::to_string(row_bytes)},
             {"NAXIS2", std::to_string(rows)},
             {"PCOUNT", "0"},
             {"GCOUNT", "1"},
             {"TFIELDS", std::to_string(columns.size())}};
  head.insert(head.end(), cards.begin(), cards.end());
  head.emplace_back("EXTNAME", quoted(extension));
  std::string data;
  for (int row = 0; row < rows; ++row)
    for (const Column& c : columns)
      if (!c.text.empty()) {
        data += c.text;
      } else {
        for (int i = 0; i < c.repeat; ++i) append_big_endian(data, c.first + c.step * (row + i));
      }
  return hdu_of("XTENSION= 'BINTABLE'", head, data);
}

inline std::string empty_primary(const Cards& cards = {}) {
  return image_hdu(true, {}, {}, cards);
}

inline std::string sdss_seed() {
  return empty_primary() +
         table_hdu("COADD",
                   {{"flux", "", 1, 2, 0.1},
                    {"loglam", "", 1, 3.6, 1e-4},
                    {"ivar"},
                    {"and_mask", "", 1, 0},
                    {"or_mask", "", 1, 0},
                    {"wdisp"}},
                   9) +
         table_hdu("SPECOBJ",
                   {{"Z", "", 1, 0.05},
                    {"VDISP", "", 1, 150},
                    {"ZWARNING", "", 1, 0},
                    {"CLASS", "", 1, 0, 0, "GALAXY"}},
                   1);
}

inline std::string eso_seed() {
  return empty_primary({{"PRODCATG", quoted("SCIENCE.SPECTRUM")}, {"SPEC_RES", "2500.0"}}) +
         table_hdu("SPECTRUM",
                   {{"WAVE", "Angstrom", 9, 5000, 1},
                    {"FLUX", "erg/s/cm2/Angstrom", 9, 1},
                    {"ERR", "erg/s/cm2/Angstrom", 9, 0.1},
                    {"QUAL", "", 9, 0}},
                   1);
}

inline std::string firefly_seed() {
  const auto image = [](const std::string& name, const std::vector<int>& axes,
                        const std::function<double(int)>& value) {
    return image_hdu(false, axes, value, {{"EXTNAME", quoted(name)}});
  };
  return empty_primary() +
         table_hdu("GALAXY_INFO",
                   {{"PLATEIFU", "", 1, 0, 0, "8485-1901"}, {"REDSHIFT", "", 1, 0.03}}, 1) +
         image("E(B_V)_VORONOI", {2, 1}, [](int) { return 0.1; }) +
         image("STELLAR_MASS_VORONOI", {4, 2, 1}, [](int) { return 9.0; }) +
         image("MW_AGE_VORONOI", {2, 2, 1}, [](int) { return 0.0; }) +
         image("STAR_FORMATION_HISTORY", {4, 1, 2, 1},
               [](int i) { return i % 4 == 2 ? 1.0 : 0.0; });
}

inline std::string bagpipes_seed() {
  std::string file = empty_primary();
  for (int z = 0; z < 2; ++z)
    file += image_hdu(false, {3, 2}, [](int i) { return 1e-4 * (i + 1); });
  file += image_hdu(false, {3, 2}, [](int) { return 0.7; });
  file += image_hdu(false, {2}, [](int i) { return 1e7 * (1 + 99 * i); });
  return file + image_hdu(false, {3}, [](int i) { return 4000 + 1000 * i; });
}

inline std::string emiles_seed() {
  return image_hdu(true, {9}, [](int i) { return i < 7 ? 1e-4 : 0; },
                   {{"CRVAL1", "1680.2"}, {"CDELT1", "0.9"}, {"CRPIX1", "1"}});
}

} // namespace lookback::test
