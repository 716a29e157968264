// lookback-ssp: a grid of simple stellar populations.
#pragma once

#include "physics/ssp_grid.hpp"
#include "tools/files/output.hpp"

#include <filesystem>

namespace lookback::tools {

// Errors: those of physics::check and H5Reader.
physics::SspGrid read_ssp(const std::filesystem::path& file);
void write_ssp(const OutputFile& output, const physics::SspGrid& grid);

} // namespace lookback::tools
