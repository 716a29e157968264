// SDSS, BOSS and eBOSS spec-PLATE-MJD-FIBER.fits (data model "spec"): the coadded spectrum of HDU 1
// and the pipeline's redshift of HDU 2 (SPECOBJ or SPALL). Columns are found by name in either
// case; they carry no units. A pixel is 1e-4 in log10 wavelength, 69.03 km/s.
#pragma once

#include "tools/files/observation.hpp"

#include <filesystem>
#include <string>
#include <vector>

namespace lookback::tools {

// Sets the mask bits that the file itself speaks of: BRIGHTSKY in the mask chosen by the policy.
// The pipeline's class and warning flags reject nothing; they are told in `warnings`. Errors: not
// FITS, truncated, a missing HDU or column.
Observation read_sdss(const std::filesystem::path& file, MaskPolicy policy,
                      std::vector<std::string>& warnings);

// The layout of an older SDSS web service: HDU 1 has the columns flux, wavelength (Angstrom,
// vacuum), inverse_variance, and_mask and or_mask, and Z and VEL_DIS are texts in its header. The
// resolution is not given. Errors: as above; a BUNIT that is no flux density.
Observation read_old_sdss(const std::filesystem::path& file, MaskPolicy policy);

} // namespace lookback::tools
