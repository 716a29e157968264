// The dust emission of Draine & Li 2007 (ApJ 657, 810), from either of
//
//   a folder of Draine's own text files U<umin>_<umax>_MW3.1_<nn>.txt, in subfolders or not, as
//     published at https://www.astro.princeton.edu/~draine/dust/irem.html;
//   one HDF5 file: wavelength_micron[W], qpah_percent[Q], umin[U], umax[M],
//     jnu_umin_only[Q, U, W] and jnu_umin_umax[Q, U, M, W] in Jy cm2 / sr / H.
//
// Of the text files, the grain model, Umin and Umax are taken from their headers. Read are the
// seven Milky Way models, whose PAH mass fractions Draine & Li give in their table 3, and the umax
// that every (qpah, umin) has.
#pragma once

#include "physics/dust_table.hpp"

#include <filesystem>

namespace lookback::tools {

// Errors: no such file or folder; no such text file in the folder; a text file that is cut, lacks
// its header, holds no numbers or has other wavelengths than the rest; a (qpah, umin) that is
// missing; for HDF5 those of H5Reader and emissivities in another unit; those of physics::check.
physics::DustTable read_dust_table(const std::filesystem::path& file_or_folder);

} // namespace lookback::tools
