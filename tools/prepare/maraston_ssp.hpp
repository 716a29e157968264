// The models of Maraston (2005, M05) and Maraston & Stromback (2011, M11) as their authors give
// them and FIREFLY ships them: text files, one or more metallicities each, with the columns age in
// Gyr, [Z/H], wavelength in Angstrom and flux in erg/s/Angstrom per Msun formed. Names tell the
// library and the IMF: ssp_M11_MILES.krz002, sed.ssz001.rhb (kr Kroupa, ss Salpeter, cha Chabrier).
#pragma once

#include "tools/prepare/ssp_import.hpp"

#include <vector>

namespace lookback::tools {

// [Z/H] is relative to Z = 0.02. Ages that one of the metallicities lacks are left out, and a
// sentence in `notes` says so; the ends of M11-MILES are cut likewise, where a smoothing kernel has
// met the end of the library. Taken unless stated: air for M11 (FIREFLY converts it), vacuum for
// M05, whose pixels are too wide for the difference to matter. Resolution: FIREFLY's value for
// MILES, FWHM 2.55 Angstrom; for other libraries it is to be stated. Errors: those of
// read_text_table and finish_import; files of several models, or of several axes of wavelengths.
physics::SspGrid import_maraston_ssp(const std::vector<std::filesystem::path>& inputs,
                                     const SspFacts& facts, std::vector<std::string>& notes);

} // namespace lookback::tools
