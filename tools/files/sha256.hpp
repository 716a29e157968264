// SHA-256 (FIPS 180-4), to record which inputs a result was made from.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

namespace lookback::tools {

std::string sha256(std::string_view bytes);                    // 64 hexadecimal digits
std::string sha256_of_file(const std::filesystem::path& file); // Errors: cannot be read

} // namespace lookback::tools
