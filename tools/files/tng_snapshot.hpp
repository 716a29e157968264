// Star particles of an IllustrisTNG snapshot (Nelson et al. 2019, ComAC 6, 2): chunks
// BASE/snapdir_099/snap_099.N.hdf5, or snapshot_099.N.hdf5, each with the group Header and, where
// it holds stars, the group PartType4:
//
//   GFM_InitialMass             1e10 Msun/h, at birth
//   GFM_Metallicity             mass fraction
//   GFM_StellarFormationTime    scale factor at birth; 0 or less is a wind cell, no star
//
// Particles are numbered through the chunks. Lengths are those of the datasets: headers are not
// kept up when files are cut.
#pragma once

#include "engine/hdf5.hpp"
#include "tools/files/simulation_clock.hpp"

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace lookback::tools {

// "BASE/snapdir_099/snap_099.": what the names of the chunks begin with, out of `stems`, the first
// of which has chunk 0. Errors: none has.
std::string tng_chunk_prefix(const std::filesystem::path& folder,
                             const std::vector<std::string>& stems);
std::string three_digits(int snapshot);

struct StarBlock {
  std::int64_t first = 0;                         // number of its first particle
  std::vector<double> mass_msun, z, scale_factor; // mass and mass fraction of metals, at birth
  std::int64_t end() const { return first + std::int64_t(z.size()); }
};

class TngStars {
public:
  // Opens every chunk once. Errors: a chunk or dataset missing, those of read_clock, those
  // of H5Reader.
  TngStars(const std::filesystem::path& base, int snapshot);

  std::int64_t count() const { return chunk_end_.empty() ? 0 : chunk_end_.back(); }
  const SimulationClock& clock() const { return clock_; }
  double mass_unit_msun() const { return mass_unit_msun_; } // 1e10 / h

  // A block with particle `index` in it, valid until the next call: the last one, or what begins
  // there, up to 2^18 particles. Errors: NaN or Inf, a negative mass or metallicity, born after
  // today.
  const StarBlock& block_at(std::int64_t index);

private:
  std::filesystem::path chunk(std::size_t number) const;
  void check_block(const H5Reader& reader) const;

  std::string prefix_;
  SimulationClock clock_;
  double mass_unit_msun_ = 0;
  std::vector<std::int64_t> chunk_end_; // number of the particle after the last of each chunk
  std::optional<H5Reader> open_;
  std::size_t open_chunk_ = 0;
  StarBlock block_;
};

} // namespace lookback::tools
