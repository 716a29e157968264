// Grids of the Python package Synthesizer (Lovell et al. 2024; its grid.py): HDF5 with the names of
// the axes in the attribute `axes` and their values in the group axes/, age first: ages
// [A] and metallicities [Z] (log10age or log10ages in log10 yr, and metallicity, in old files);
// spectra/wavelength [W] and spectra/<type> [A, Z, W] in erg/s/Hz per Msun formed. Attributes Units
// name the units.
#pragma once

#include "tools/prepare/ssp_import.hpp"

namespace lookback::tools {

// `spectra` is the type to take: "incident" is the light of the stars alone. Metallicities are
// absolute. Taken unless stated: vacuum. Errors: those of H5Reader and finish_import; further axes;
// another unit.
physics::SspGrid import_synthesizer_ssp(const std::filesystem::path& file,
                                        const std::string& spectra, const SspFacts& facts);

} // namespace lookback::tools
