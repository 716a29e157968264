// MaNGA FIREFLY value-added catalogue (Neumann et al. 2022, MNRAS 513, 5988; files
// manga-firefly-*.fits[.gz]): for each galaxy and Voronoi cell E(B-V), stellar mass and the simple
// stellar populations of FIREFLY's fit. HDUs are found by name:
//
//   GALAXY_INFO              table, PLATEIFU and REDSHIFT
//   E(B_V)_VORONOI           [galaxies, cells]
//   STELLAR_MASS_VORONOI     [galaxies, cells, 4]    log10 Msun per spaxel, error, of the cell,
//   error MW_AGE_VORONOI           [galaxies, cells, 2]    log10 of the mass-weighted mean age/Gyr,
//   error STAR_FORMATION_HISTORY   [galaxies, cells, slots, channels]
//
// with -9999 where there is nothing. Of the last HDU channel 0 is log10(age/Gyr), 1 is [Z/H] and 2
// the share of the cell's mass. The catalogue does not document these, so the reader checks that
// the mean age they give is the cell's own mass-weighted age. Of a file of gigabytes only the rows
// of the galaxy are read; a .gz is unpacked in memory by CFITSIO.
#pragma once

#include "physics/time_bins.hpp"

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace lookback::tools {

struct FireflyPopulation {
  double age_gyr = 0;
  double z_h = 0; // [Z/H], in units of the library's own solar metallicity
  double mass_msun = 0;
};

struct FireflyCell {
  double e_bv = 0;                            // mag; NaN: not given
  double mass_msun = 0;                       // STELLAR_MASS_VORONOI of the cell
  std::vector<FireflyPopulation> populations; // their masses sum to mass_msun
};

struct FireflyGalaxy {
  std::string plateifu;
  double redshift = 0;
  double e_bv = 0; // mag, mean over cells weighted by mass
  double a_v = 0;  // mag, 4.05 E(B-V): Calzetti's R_V
  double mass_msun = 0;
  std::vector<FireflyCell> cells; // those with a mass and a history
  int inconsistent_cells = 0;     // whose populations do not have the cell's mean age
};

// Errors: those of FitsReader; a missing HDU; no galaxy of that name, or several with one PLATEIFU;
// a redshift that is no number; HDUs that disagree in size; no cell with stars; more than one cell
// in twenty whose populations do not reproduce its mass-weighted age within 0.01 dex.
FireflyGalaxy read_firefly(const std::filesystem::path& file, const std::string& plateifu);
FireflyGalaxy read_firefly(const std::filesystem::path& file, std::int64_t row);

struct FireflyHistory {
  std::vector<double> sfr_msun_per_yr; // [bins]
  std::vector<double> log_z_zsun;      // [bins] log10(Z/0.0142) of the mean Z; NaN without stars
};

// All cells summed. A population of age t counts in the bin that holds t_obs - t, or in the nearest
// one: FIREFLY knows populations older than the universe. An SFR is the mean over the part of its
// bin before t_obs, of the catalogue's stellar mass. zsun is the solar metallicity of the library
// behind the catalogue, 0.02 for Maraston & Stromback 2011. Errors: no bin before t_obs.
FireflyHistory summed_history(const FireflyGalaxy& galaxy, const physics::TimeBins& bins,
                              double zsun = 0.02);

} // namespace lookback::tools
