// SSP grids as the Python package DSPS keeps them (Hearin et al. 2023; its load_ssp_data.py), most
// of them made with FSPS: HDF5 datasets ssp_lgmet [Z] log10 of the absolute metallicity,
// ssp_lg_age_gyr [A] (ssp_lg_age in old files) log10(age / Gyr), ssp_wave [W] in Angstrom and
// ssp_flux [Z, A, W] in Lsun/Hz per Msun formed.
#pragma once

#include "tools/prepare/ssp_import.hpp"

namespace lookback::tools {

// Taken unless stated: vacuum, and the solar luminosity of FSPS, 3.839e33 erg/s (sps_vars.f90).
// Errors: those of H5Reader and finish_import.
physics::SspGrid import_dsps_ssp(const std::filesystem::path& file, const SspFacts& facts);

} // namespace lookback::tools
