#include "tools/files/text_table.hpp"

#include "engine/error.hpp"
#include "tools/files/text_numbers.hpp"

#include <algorithm>
#include <cmath>
#include <fstream>
#include <string>

namespace lookback::tools {

std::vector<double> read_text_table(const std::filesystem::path& file, std::size_t columns,
                                    std::string_view what) {
  std::error_code error;
  require(std::filesystem::is_regular_file(file, error), "there is no file '", file.string(), "'");
  std::ifstream stream(file);
  require(stream.good(), "'", file.string(), "' may not be read");
  std::vector<double> table;
  std::string line;
  for (int number = 1; std::getline(stream, line); ++number) {
    if (is_comment(line)) continue;
    const auto row = text_numbers(line);
    require(row.size() == columns &&
                std::all_of(row.begin(), row.end(), [](double v) { return std::isfinite(v); }),
            "'", file.string(), "' line ", number, " is not ", columns, " finite numbers: ", what);
    table.insert(table.end(), row.begin(), row.end());
  }
  require(!table.empty(), "'", file.string(), "' holds no row of ", columns, " numbers: ", what);
  return table;
}

} // namespace lookback::tools
