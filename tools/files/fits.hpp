// Tables and images of a FITS file, through CFITSIO, which unpacks gzipped files in memory. Names
// of files are taken literally (no CFITSIO extended syntax); sizes are checked against the file's
// before allocation.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

namespace lookback::tools {

class FitsReader {
public:
  // Errors: no such file, not FITS.
  explicit FitsReader(const std::filesystem::path& file);
  ~FitsReader();

  // HDU 0 is the primary one. Errors: missing or truncated.
  void select(int hdu, const std::string& what);
  void select(const std::string& extension); // by its name, EXTNAME, in either case
  int hdus();
  std::vector<std::int64_t> image_extents(); // of the selected HDU, slowest axis first
  std::vector<double> image();               // its pixels, in the order of image_extents
  std::vector<double> image_part(std::int64_t first, std::int64_t count); // of these, contiguous
  std::int64_t rows();                                                    // of the selected table

  // Columns by name in either case; the first element of each row. Errors: missing, not numeric.
  bool has_column(const std::string& name);
  std::vector<double> column(const std::string& name);
  std::vector<std::int64_t> integer_column(const std::string& name);
  std::string text_cell(const std::string& name); // of the first row, without trailing blanks
  std::vector<std::string> text_column(const std::string& name);
  std::vector<double> vector_cell(const std::string& name); // all elements of the first row

  // Of the selected HDU; empty where not given.
  std::string unit(const std::string& column);       // TUNITn
  std::string column_ucd(const std::string& column); // TUCDn, what the column means
  std::string keyword(const std::string& name);      // the value as text, without quotes

private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

} // namespace lookback::tools
