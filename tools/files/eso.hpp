// Spectra of ESO's phase 3 archive (SDP standard), as LEGA-C and VANDELS publish them: HDU 1 is a
// table of one row whose cells are the vectors WAVE, FLUX, ERR and perhaps QUAL. Units are those of
// the header. Wavelengths are in air where the column's UCD says obs.atmos, and become vacuum. The
// resolving power SPEC_RES = wavelength / FWHM of HDU 0 is that of every pixel.
#pragma once

#include "tools/files/observation.hpp"

#include <filesystem>

namespace lookback::tools {

// The redshift is not in the file. An error that is 0, negative or not finite, and a QUAL other
// than 0, mean no information. Errors: not FITS, truncated, a missing HDU or column, more rows than
// one, vectors of different lengths, a unit that is no wavelength or flux density.
Observation read_eso(const std::filesystem::path& file);

} // namespace lookback::tools
