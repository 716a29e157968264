// Numbers of a line of text, separated by blanks, tabs or commas.
#pragma once

#include <optional>
#include <string_view>
#include <utility>
#include <vector>

namespace lookback::tools {

// Empty where a word of the line is no number, or where there is no word.
std::vector<double> text_numbers(std::string_view line);

// "LO:HI", both finite; none where the text is not of this form.
std::optional<std::pair<double, double>> number_range(std::string_view text);

// Nothing but blanks, or a comment: its first letter is #.
bool is_comment(std::string_view line);

} // namespace lookback::tools
