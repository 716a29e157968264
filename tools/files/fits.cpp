#include "tools/files/fits.hpp"

#include "engine/error.hpp"

#include <algorithm>
#include <fitsio.h>
#include <fstream>
#include <string_view>

namespace lookback::tools {

namespace {

// Most bytes that the file can hold: gzip shrinks by no more than 1032 (zlib's technical details).
// CFITSIO allocates the length that a gzip file ends with, so a false one is refused here; so are
// the other packings that CFITSIO knows. Errors: neither FITS nor gzip.
double most_bytes(const std::filesystem::path& path) {
  std::ifstream stream(path, std::ios::binary);
  char start[6] = {};
  stream.read(start, sizeof start);
  std::error_code error;
  const auto size = double(std::filesystem::file_size(path, error));
  const std::string_view magic(start, sizeof start);
  if (magic == "SIMPLE") return size;
  require(magic.starts_with("\x1f\x8b"), "'", path.string(),
          "' is not a FITS file, or a truncated one");
  unsigned char length[4] = {}; // of the unpacked file modulo 2^32, least significant byte first
  stream.seekg(-4, std::ios::end).read(reinterpret_cast<char*>(length), sizeof length);
  double claimed =
      length[0] + 256.0 * (length[1] + 256.0 * (length[2] + 256.0 * double(length[3])));
  while (claimed < size) claimed += 4294967296.0; // as CFITSIO concludes
  require(stream.good() && claimed <= 1032 * size, "'", path.string(),
          "' is a damaged gzip file: it claims to hold ", claimed, " bytes");
  return 1032 * size;
}

} // namespace

struct FitsReader::Impl {
  std::filesystem::path path;
  fitsfile* file = nullptr;
  double file_bytes = 0;
  std::string part; // what the selected HDU holds, for messages

  template <class... Parts> void check(bool good, const Parts&... parts) const {
    require(good, "'", path.string(), "': ", parts...);
  }

  int column_number(const std::string& name) {
    int status = 0, number = 0;
    fits_get_colnum(file, CASEINSEN, const_cast<char*>(name.c_str()), &number, &status);
    return status == 0 ? number : 0;
  }

  int required_column(const std::string& name) {
    const int number = column_number(name);
    check(number > 0, part, " has no column '", name, "'");
    return number;
  }

  // `status` of the move to this->part; the HDU must end before the file does.
  void require_whole(int status) {
    fits_clear_errmsg();
    check(status == 0, "there is no ", part, "; the file is of another kind, or truncated");
    LONGLONG header = 0, data = 0, end = 0;
    fits_get_hduaddrll(file, &header, &data, &end, &status);
    check(status == 0 && double(end) <= file_bytes, "it is truncated: ", part, " ends at byte ",
          end, ", the file at ", file_bytes);
  }

  std::string card(const std::string& key) {
    int status = 0;
    char value[FLEN_VALUE] = {}; // strings that continue over cards are cut
    fits_read_keyword(file, key.c_str(), value, nullptr, &status);
    fits_clear_errmsg();
    std::string text = status == 0 ? value : "";
    std::erase(text, '\'');
    text.erase(0, text.find_first_not_of(' '));
    text.erase(text.find_last_not_of(' ') + 1);
    return text;
  }

  // The first `count` cells of a column of text.
  std::vector<std::string> read_texts(const std::string& name, std::int64_t count) {
    const int number = required_column(name);
    int status = 0, width = 0;
    fits_get_col_display_width(file, number, &width, &status);
    check(status == 0 && width >= 0 && width < 1 << 16, "column '", name, "' of ", part,
          " is damaged");
    std::vector<std::string> texts;
    for (std::int64_t row = 0; row < count && status == 0; ++row) {
      std::string text(std::size_t(width) + 1, '\0');
      char* cell = text.data();
      fits_read_col_str(file, number, row + 1, 1, 1, nullptr, &cell, nullptr, &status);
      text.resize(text.find('\0'));
      text.erase(text.find_last_not_of(' ') + 1);
      texts.push_back(std::move(text));
    }
    check(status == 0, "column '", name, "' of ", part,
          " cannot be read (truncated or damaged file)");
    return texts;
  }

  template <class T>
  std::vector<T> read_column(const std::string& name, int type, std::int64_t rows) {
    const int number = required_column(name);
    std::vector<T> values(std::size_t(rows), T{});
    int status = 0, type_code = 0;
    long repeat = 0, width = 0;
    fits_get_coltype(file, number, &type_code, &repeat, &width, &status);
    check(status == 0 && type_code > 0 && type_code != TSTRING && repeat >= 1, "column '", name,
          "' of ", part, " is not numeric");
    for (std::int64_t row = 0; repeat > 1 && row < rows && status == 0; ++row)
      fits_read_col(file, type, number, row + 1, 1, 1, nullptr, &values[std::size_t(row)], nullptr,
                    &status);
    if (repeat == 1)
      fits_read_col(file, type, number, 1, 1, rows, nullptr, values.data(), nullptr, &status);
    check(status == 0, "column '", name, "' of ", part,
          " cannot be read (truncated or damaged file)");
    return values;
  }
};

FitsReader::FitsReader(const std::filesystem::path& path) : impl_(std::make_unique<Impl>()) {
  std::error_code error;
  require(std::filesystem::is_regular_file(path, error), "there is no file '", path.string(), "'");
  impl_->path = path;
  impl_->file_bytes = most_bytes(path);
  int status = 0;
  fits_open_diskfile(&impl_->file, path.c_str(), READONLY, &status);
  fits_clear_errmsg();
  require(status == 0, "'", path.string(), "' is not a FITS file, or a truncated one");
}

FitsReader::~FitsReader() {
  int status = 0;
  if (impl_->file) fits_close_file(impl_->file, &status);
  fits_clear_errmsg();
}

void FitsReader::select(int hdu, const std::string& what) {
  impl_->part = what + " (HDU " + std::to_string(hdu) + ")";
  int status = 0;
  fits_movabs_hdu(impl_->file, hdu + 1, nullptr, &status);
  impl_->require_whole(status);
}

void FitsReader::select(const std::string& extension) {
  impl_->part = "HDU '" + extension + "'";
  int status = 0;
  fits_movnam_hdu(impl_->file, ANY_HDU, const_cast<char*>(extension.c_str()), 0, &status);
  impl_->require_whole(status);
}

int FitsReader::hdus() {
  int status = 0, count = 0;
  fits_get_num_hdus(impl_->file, &count, &status);
  fits_clear_errmsg();
  impl_->check(status == 0, "its parts cannot be counted (truncated or damaged file)");
  return count;
}

std::vector<std::int64_t> FitsReader::image_extents() {
  int status = 0, axes = 0;
  LONGLONG lengths[9] = {};
  fits_get_img_dim(impl_->file, &axes, &status);
  fits_get_img_sizell(impl_->file, 9, lengths, &status);
  impl_->check(status == 0 && axes >= 0 && axes <= 9, impl_->part, " is not an image");
  std::vector<std::int64_t> extents(lengths, lengths + axes);
  std::reverse(extents.begin(), extents.end());
  return extents;
}

std::vector<double> FitsReader::image() {
  double count = 1;
  for (const auto extent : image_extents()) count *= double(extent);
  impl_->check(count >= 1 && count <= impl_->file_bytes, impl_->part, " claims ", count, " pixels");
  return image_part(0, std::int64_t(count));
}

std::vector<double> FitsReader::image_part(std::int64_t first, std::int64_t count) {
  impl_->check(first >= 0 && count >= 0 && double(first) + double(count) <= impl_->file_bytes,
               impl_->part, " has no ", count, " pixels after ", first);
  std::vector<double> pixels(static_cast<std::size_t>(count));
  int status = 0;
  fits_read_img(impl_->file, TDOUBLE, first + 1, count, nullptr, pixels.data(), nullptr, &status);
  impl_->check(status == 0, impl_->part, " cannot be read (truncated or damaged file)");
  return pixels;
}

std::int64_t FitsReader::rows() {
  int status = 0;
  LONGLONG rows = 0;
  fits_get_num_rowsll(impl_->file, &rows, &status);
  impl_->check(status == 0, impl_->part, " is not a table");
  impl_->check(rows >= 0 && double(rows) <= impl_->file_bytes, impl_->part, " claims ", rows,
               " rows");
  return rows;
}

bool FitsReader::has_column(const std::string& name) {
  const bool found = impl_->column_number(name) > 0;
  fits_clear_errmsg();
  return found;
}

std::vector<double> FitsReader::column(const std::string& name) {
  return impl_->read_column<double>(name, TDOUBLE, rows());
}

std::vector<std::int64_t> FitsReader::integer_column(const std::string& name) {
  static_assert(sizeof(LONGLONG) == sizeof(std::int64_t));
  return impl_->read_column<std::int64_t>(name, TLONGLONG, rows());
}

std::string FitsReader::text_cell(const std::string& name) {
  const auto texts = impl_->read_texts(name, std::min<std::int64_t>(1, rows()));
  impl_->check(!texts.empty(), impl_->part, " has no rows");
  return texts[0];
}

std::vector<std::string> FitsReader::text_column(const std::string& name) {
  return impl_->read_texts(name, rows());
}

std::vector<double> FitsReader::vector_cell(const std::string& name) {
  const int number = impl_->required_column(name);
  int status = 0, type_code = 0;
  LONGLONG repeat = 0, width = 0;
  fits_get_coltypell(impl_->file, number, &type_code, &repeat, &width, &status);
  impl_->check(status == 0 && type_code > 0 && type_code != TSTRING && repeat >= 0 &&
                   double(repeat) <= impl_->file_bytes,
               "column '", name, "' of ", impl_->part, " is not numeric");
  impl_->check(rows() >= 1, impl_->part, " has no rows");
  std::vector<double> values(static_cast<std::size_t>(repeat));
  fits_read_col(impl_->file, TDOUBLE, number, 1, 1, repeat, nullptr, values.data(), nullptr,
                &status);
  impl_->check(status == 0, "column '", name, "' of ", impl_->part,
               " cannot be read (truncated or damaged file)");
  return values;
}

std::string FitsReader::unit(const std::string& column) {
  return impl_->card("TUNIT" + std::to_string(impl_->required_column(column)));
}

std::string FitsReader::column_ucd(const std::string& column) {
  return impl_->card("TUCD" + std::to_string(impl_->required_column(column)));
}

std::string FitsReader::keyword(const std::string& name) {
  return impl_->card(name);
}

} // namespace lookback::tools
