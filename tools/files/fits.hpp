// Tables of a FITS file, through CFITSIO. Names of files are taken literally (no CFITSIO extended
// syntax); sizes are checked against the file's before allocation.
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
  int hdus();
  std::vector<std::int64_t> image_extents(); // of the selected HDU, slowest axis first
  std::vector<double> image();               // its pixels, in the order of image_extents
  std::int64_t rows();                       // of the selected table

  // Columns by name in either case; the first element of each row. Errors: missing, not numeric.
  bool has_column(const std::string& name);
  std::vector<double> column(const std::string& name);
  std::vector<std::int64_t> integer_column(const std::string& name);
  std::string text_cell(const std::string& name); // of the first row, without trailing blanks

private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

} // namespace lookback::tools
