// The configuration file of a tool: a flat TOML table whose keys are the long option names.
#pragma once

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include <iosfwd>
#include <string>
#include <vector>

namespace lookback::tools {

// Errors: not TOML, or a value that is no number, truth value, text or list of these, by its line.
std::vector<CLI::ConfigItem> parse_toml(std::istream& text);

// A flat object as such lines; null values are left out. (JSON's texts, numbers and lists are
// TOML.)
std::string write_toml(const nlohmann::ordered_json& object);

} // namespace lookback::tools
