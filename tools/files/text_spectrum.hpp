// Plain-text spectra: columns wavelength, flux, error, separated by blanks, tabs or commas; lines
// that begin with # are comments, one line of column names is let through.
#pragma once

#include "tools/files/observation.hpp"

#include <filesystem>

namespace lookback::tools {

// An error that is 0, negative or not finite means no information. Errors: a line that is not three
// numbers, by its number; no line at all.
Observation read_text_spectrum(const std::filesystem::path& file,
                               const ObservationOptions& options);

} // namespace lookback::tools
