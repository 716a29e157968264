// E-MILES and MILES models as miles.iac.es gives them (Vazdekis et al. 2010, 2016): one FITS image
// an SSP, in Lsun/Angstrom per Msun formed, on an even axis of air wavelengths that the keywords
// CRVAL1, CDELT1 and CRPIX1 tell. Everything else is in the name of the file,
// Eku1.30Zm0.66T05.0000_iTp0.00_baseFe.fits:
//
//   E     E-MILES, M MILES                 Zm0.66     [M/H] = -0.66 (p: +)
//   ku    IMF: un unimodal, bi bimodal,    T05.0000   age in Gyr
//         ku, kb Kroupa universal and      iT         isochrones: T BaSTI, P Padova 2000
//         revised, ch Chabrier
//   1.30  slope of the IMF
#pragma once

#include "tools/prepare/ssp_import.hpp"

#include <vector>

namespace lookback::tools {

// `inputs` are files, or folders of which every file of such a name is taken. SSPs younger than
// min_age_gyr are left out. Zeros at the red end of an SSP (E-MILES of less than 0.1 to 0.4 Gyr,
// beyond 8950 Angstrom) are missing data: all spectra are cut where the first of them ends, and a
// sentence in `notes` says so. [M/H] is relative to Z = 0.0198 for BaSTI (Pietrinferni et al.
// 2004), 0.019 for Padova (Girardi et al. 2000). Resolution: FWHM 2.51 Angstrom, which holds from
// 3540 to 8950 Angstrom (Falcon-Barroso et al. 2011). Errors: a file of another name or axis; an
// age missing at a metallicity; those of FitsReader and finish_import.
physics::SspGrid import_emiles_ssp(const std::vector<std::filesystem::path>& inputs,
                                   double min_age_gyr, const SspFacts& facts,
                                   std::vector<std::string>& notes);

} // namespace lookback::tools
