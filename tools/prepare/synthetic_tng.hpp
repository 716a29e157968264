// A small simulation of known truth in the layout of IllustrisTNG: the synthetic histories as star
// particles, with what makes real catalogues hard to read:
//
//   particles on both sides of the edges of bins, at the distance of one float32, and at a = 1
//   wind cells among the stars; subhalos of wind alone, of no particle, flagged, too light, and
//   with a bin above +0.5 dex; particles between the subhalos of a group and the next group chunks
//   cut anywhere, so that subhalos and groups cross their borders, and empty chunks
#pragma once

#include "tools/files/histories.hpp"

#include <cstdint>
#include <filesystem>

namespace lookback::tools {

struct SyntheticTngOptions {
  std::int64_t subhalos = 1000;
  int chunks = 4;
  std::uint32_t chunking = 0; // another number, other borders
  int particles_per_bin = 16; // at most; their masses follow from the history
  std::filesystem::path folder;
  bool overwrite = false;
};

// Writes folder/output/snapdir_099/snap_099.N.hdf5, folder/output/groups_099/fof_subhalo_tab_099.N
// .hdf5 and folder/postprocessing/offsets/offsets_099.hdf5. The particles depend on (seed,
// subhalos, particles_per_bin), the borders of the chunks on their number and `chunking` as well.
// Gives the histories that `prepare tng` finds by default, without is_test, summed over the
// particles before they were rounded to float32. Errors: numbers not positive; a file that exists.
Histories write_synthetic_tng(const SyntheticTngOptions& options, std::uint64_t seed);

} // namespace lookback::tools
