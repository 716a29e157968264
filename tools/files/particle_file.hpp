// Star particles of single galaxies, as they come:
//
//   cut-outs   HDF5 with the groups Header and PartType4, one galaxy: those of TNG's web service,
//              and of EAGLE, Horizon-AGN and COLIBRE in the layout of SimSpin (Harborne et al.
//              2020, PASA 37, e016). Birth is a scale factor; units are in attributes.
//   tables     of one or more galaxies: HDF5 datasets, or columns of text under a line of names
//              (CSV):
//
//     initial_mass_msun     at birth
//     metallicity           mass fraction, at birth
//     birth_scale_factor    or birth_time_gyr, cosmic time; 0 or less is no star (TNG's wind)
//     galaxy_id             optional, integers
//
// Lengths are those of the datasets: headers are not kept up when files are cut.
#pragma once

#include "tools/files/simulation_clock.hpp"

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <vector>

namespace lookback::tools {

struct ParticleFacts {
  bool birth_in_gyr = false;            // else it is a scale factor
  std::optional<SimulationClock> clock; // of cut-outs
  std::optional<std::int64_t> galaxy;   // CutoutID of TNG's web service
};

struct ParticleBlock {
  std::vector<std::int64_t> galaxy; // [n] or empty: all are of one galaxy
  std::vector<double> mass_msun, z; // [n] at birth
  std::vector<double> birth;        // [n] scale factor or Gyr; 0 or less is no star
};

// Errors: a file that is neither; a column missing or of another length; a metallicity that is no
// mass fraction; a unit of mass that is not told.
ParticleFacts read_particle_facts(const std::filesystem::path& file);

// All particles, in blocks, in the order of the file. Errors: those above; NaN or Inf, a negative
// mass, a mass fraction beyond 1, born after today; no particle.
void for_each_block(const std::filesystem::path& file,
                    const std::function<void(const ParticleBlock&)>& take);

} // namespace lookback::tools
