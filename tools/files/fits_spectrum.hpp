// A spectrum in any of the FITS layouts known, told apart by the columns of HDU 1.
#pragma once

#include "tools/files/observation.hpp"

#include <filesystem>
#include <string>
#include <vector>

namespace lookback::tools {

// Errors: a layout that is none of SDSS, older SDSS and ESO phase 3; those of their readers.
Observation read_fits_spectrum(const std::filesystem::path& file, MaskPolicy policy,
                               std::vector<std::string>& warnings);

} // namespace lookback::tools
