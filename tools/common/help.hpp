// The text of --help.
#pragma once

#include <CLI/CLI.hpp>

#include <string>

namespace lookback::tools {

inline const std::string common_group = "Common options";

// Options of the tool and, where given, of its subcommand: each with its unit and default.
std::string help_text(const CLI::App& tool, const CLI::App* subcommand);

} // namespace lookback::tools
