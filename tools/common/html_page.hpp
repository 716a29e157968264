// A self-contained HTML page.
#pragma once

#include <string>
#include <vector>

namespace lookback::tools {

// `title` is plain text, `body` markup.
std::string html_page(const std::string& title, const std::string& body);

// A row of a table; the cells are plain text.
std::string html_row(const std::vector<std::string>& cells);

} // namespace lookback::tools
