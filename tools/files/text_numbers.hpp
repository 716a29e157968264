// Numbers of a line of text, separated by blanks, tabs or commas.
#pragma once

#include <string_view>
#include <vector>

namespace lookback::tools {

// Empty where a word of the line is no number, or where there is no word.
std::vector<double> text_numbers(std::string_view line);

// Nothing but blanks, or a comment: its first letter is #.
bool is_comment(std::string_view line);

} // namespace lookback::tools
