// Histories from tables of the mass formed until given times, HDF5:
//
//   cosmic_time_gyr[T]        increasing
//   mass_formed_msun[N, T]    until then, never falling
//   metallicity[N]            mass fraction, one for the galaxy (or metallicity_scalar)
//   subhalo_id[N]             optional
//
// The mass between the times is interpolated by a monotone cubic, from none at the big bang on. In
// a bin that the last time cuts, the rate is the mean over the part before it.
#pragma once

#include "tools/files/histories.hpp"

#include <filesystem>

namespace lookback::tools {

struct CumulativeOptions {
  std::filesystem::path file;
  int bins = 64;                 // equal, from the big bang to the last time
  std::filesystem::path bins_of; // or the bins of this file
  double max_log_z = 0.5;        // galaxies must not be above it
};

// The metallicity is the same in all bins. With subhalo_id, mass_formed_msun at the last time,
// and selection. Errors: those of H5Reader; times or masses that fall, a metallicity that is no
// mass fraction; no galaxy left.
Histories make_cumulative_histories(const CumulativeOptions& options);

} // namespace lookback::tools
