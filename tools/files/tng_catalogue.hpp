// Subhalos of an IllustrisTNG group catalogue (Nelson et al. 2019, ComAC 6, 2), chunks
// BASE/groups_099/fof_subhalo_tab_099.N.hdf5, or groups_099.N.hdf5; and where their star particles
// begin in the snapshot: from BASE/../postprocessing/offsets/offsets_099.hdf5, or, where that is
// not there, from the order of the snapshot: group by group, in each its subhalos one after the
// other and then the particles of none.
#pragma once

#include <cstdint>
#include <filesystem>
#include <vector>

namespace lookback::tools {

struct TngCatalogue {
  std::vector<std::int64_t> stars;        // [subhalos] number of star particles and wind cells
  std::vector<std::int64_t> first_star;   // [subhalos] the first of them in the snapshot
  std::vector<double> mass_msun;          // [subhalos] of everything, or of the stars
  std::vector<std::uint8_t> cosmological; // [subhalos] SubhaloFlag; empty where not asked for

  std::int64_t count() const { return std::int64_t(stars.size()); }
};

struct TngCatalogueOptions {
  bool stellar_mass = false;     // SubhaloMassType[4], not SubhaloMass
  bool flag = true;              // read SubhaloFlag, which the first Illustris has not
  std::filesystem::path offsets; // "": where TNG has it
};

// `mass_unit_msun` is that of the snapshot; the catalogue does not tell it. Errors: a chunk or
// dataset missing, of another length or not a number; offsets for another number of subhalos;
// groups that do not hold their subhalos.
TngCatalogue read_tng_catalogue(const std::filesystem::path& base, int snapshot,
                                double mass_unit_msun, const TngCatalogueOptions& options = {});

} // namespace lookback::tools
