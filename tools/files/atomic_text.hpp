// Writes a text file (SVG, CSV, HTML) whole or not at all.
#pragma once

#include <filesystem>
#include <string_view>

namespace lookback::tools {

// Errors: exists and overwrite is false; cannot be written.
void write_text(const std::filesystem::path& file, std::string_view text, bool overwrite);

} // namespace lookback::tools
