// Wavelengths of spectra that are computed, not observed.
#pragma once

#include <string>
#include <vector>

namespace lookback::tools {

// The grid on which SDSS resamples all spectra: 10^(3.5797 + 1e-4 k), k = 0 ... 3840 (3799 to 9199
// Angstrom).
std::vector<double> sdss_wavelengths();

// "LO:HI:STEP": from LO to HI Angstrom in steps of STEP in log10 wavelength. Errors: not of this
// form, more than 1e7 pixels.
std::vector<double> log_wavelengths(const std::string& text);

} // namespace lookback::tools
