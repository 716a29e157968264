// Histories of the subhalos of an IllustrisTNG snapshot, in equal bins of the simulation's cosmic
// time, from the big bang to scale factor 1. Stars are summed in the order of the snapshot, one
// subhalo after the other, so memory holds one block of particles, the catalogue and the histories.
#pragma once

#include "tools/common/interrupt.hpp"
#include "tools/common/log.hpp"
#include "tools/files/histories.hpp"
#include "tools/prepare/star_histories.hpp"

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>

namespace lookback::tools {

// The cuts on the catalogue, in the order in which they are made and counted before those on the
// stars, and the choices of the paper.
struct TngOptions : StarCuts {
  std::filesystem::path base;
  int snapshot = 99;
  std::filesystem::path offsets; // "": where TNG has it
  int bins = 64;
  bool keep_flagged = false;  // else SubhaloFlag must be 1
  std::string mass = "total"; // or "stellar"
  double min_mass_msun = 1e5; // must be above it
};

// Where and when to save what is done; a run with the same options goes on from there.
struct TngSaving {
  std::filesystem::path file;                // "": nowhere
  double every_minutes = 10;                 // 0: after every subhalo
  std::function<bool()> stop = &interrupted; // asked after every subhalo
};

// With subhalo_id, mass_formed_msun, is_test (drawn by `seed`, the nearest to the fraction asked
// for) and selection; the same bits whether it was interrupted or not. Throws Interrupted when it
// was told to stop and has saved. Errors: those of TngStars, read_tng_catalogue and read_partial;
// star particles beyond the snapshot or of two subhalos; no subhalo left by a cut.
Histories make_tng_histories(const TngOptions& options, std::uint64_t seed, Log& log,
                             const TngSaving& saving = {});

} // namespace lookback::tools
