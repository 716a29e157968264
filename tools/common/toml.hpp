// The part of TOML that a tool's configuration needs: `key = value` lines with numbers, true and
// false, quoted text and one-line arrays, and comments. Tables ([name]) are refused.
#pragma once

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include <iosfwd>
#include <string>
#include <vector>

namespace lookback::tools {

// Errors: a line that is none of these, by its number; a key given twice.
std::vector<CLI::ConfigItem> parse_toml(std::istream& text);

// A flat object as such lines; null values are left out.
std::string write_toml(const nlohmann::ordered_json& object);

} // namespace lookback::tools
