// Tables of numbers in plain text: one row a line, comments and empty lines between them.
#pragma once

#include <filesystem>
#include <string_view>
#include <vector>

namespace lookback::tools {

// [rows, columns] row-major. `what` describes a row, for messages. Errors: no such file, no row, a
// line with another number of columns or with a word that is no finite number, by its number.
std::vector<double> read_text_table(const std::filesystem::path& file, std::size_t columns,
                                    std::string_view what);

} // namespace lookback::tools
