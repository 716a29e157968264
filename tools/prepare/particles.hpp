// Histories of galaxies from cut-outs and tables of their star particles.
#pragma once

#include "tools/common/log.hpp"
#include "tools/prepare/star_histories.hpp"

#include <filesystem>
#include <vector>

namespace lookback::tools {

struct ParticleOptions : StarCuts {
  std::vector<std::filesystem::path> files;
  int bins = 64;                 // equal, from the big bang to today of the first file's clock
  std::filesystem::path bins_of; // or the bins of this file
  SimulationClock clock;         // of tables, which have none of their own
};

// One history a galaxy, file by file, in each by galaxy_id. subhalo_id is galaxy_id, or CutoutID,
// or else the number of the file, from 0 on; is_test and selection as those of `prepare tng`.
// Memory holds 1 kB a galaxy. Errors: those of read_particle_facts and for_each_block; no galaxy
// left.
Histories make_particle_histories(const ParticleOptions& options, std::uint64_t seed, Log& log);

} // namespace lookback::tools
