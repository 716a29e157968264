// lookback-ssp: a grid of simple stellar populations. Beside the arrays, attributes of the root,
// all but format and format_version optional:
//
//   imf, isochrones, stellar_library, source, license   in words
//   lsun_erg_s                 solar luminosity that the fluxes are in, otherwise 3.828e33
//   resolution_fwhm_angstrom   Gaussian FWHM of the spectra, the same at all wavelengths; or
//   resolution_sigma_km_s      their standard deviation, the same in velocity
//   original_zsun              solar Z that the library's own metallicities were relative to
//   original_medium            "air" or "vacuum", of the library's own wavelengths
#pragma once

#include "physics/ssp_grid.hpp"
#include "tools/files/output.hpp"

#include <filesystem>

namespace lookback::tools {

// Errors: those of physics::check and H5Reader.
physics::SspGrid read_ssp(const std::filesystem::path& file);
void write_ssp(const OutputFile& output, const physics::SspGrid& grid);

} // namespace lookback::tools
