// Histories of the subhalos of an IllustrisTNG snapshot. In each of the equal bins of the
// simulation's cosmic time, from the big bang to scale factor 1, with m, Z the mass and the metals
// of the star particles at birth:
//
//   SFR = sum m / width,     log Z/Zsun = log10(sum m Z / sum m / 0.0142).
//
// A bin includes its early edge, the last one also its late edge. Sums are in double precision, in
// the order of the snapshot, one subhalo after the other, so memory holds one block of particles,
// the catalogue and the histories.
#pragma once

#include "tools/common/log.hpp"
#include "tools/files/histories.hpp"

#include <cstdint>
#include <filesystem>
#include <string>

namespace lookback::tools {

// The cuts, in the order in which they are made and counted, and the choices of the paper.
struct TngOptions {
  std::filesystem::path base;
  int snapshot = 99;
  std::filesystem::path offsets; // "": where TNG has it
  int bins = 64;
  bool keep_flagged = false;  // else SubhaloFlag must be 1
  std::string mass = "total"; // or "stellar"
  double min_mass_msun = 1e5; // must be above it
  std::int64_t min_stars = 1; // particles, not counting wind
  double max_log_z = 0.5;     // none of the bins may be above it
  double empty_log_z = -1;    // of bins without stars
  double test_fraction = 0.2; // is_test
};

// With subhalo_id, mass_formed_msun, is_test (drawn by `seed`, the nearest to the fraction asked
// for) and selection. Errors: those of TngStars and read_tng_catalogue; star particles beyond the
// snapshot or of two subhalos; no subhalo left by a cut.
Histories make_tng_histories(const TngOptions& options, std::uint64_t seed, Log& log);

} // namespace lookback::tools
