// The clock of a simulation: flat, matter and a cosmological constant, so that
//
//   t(a) = 2 / (3 H0 sqrt(OmegaLambda)) asinh(sqrt(OmegaLambda / OmegaMatter) a^(3/2)).
//
// Massive neutrinos and the little radiation of today, where a simulation has them, count as
// matter: OmegaMatter = 1 - OmegaLambda.
#pragma once

#include "engine/hdf5.hpp"

namespace lookback::tools {

struct SimulationClock {
  double hubble = 0.6774; // H0 in units of 100 km/s/Mpc; the defaults are those of IllustrisTNG
  double omega_matter = 0.3089;

  double age_gyr(double scale_factor) const;
  double scale_factor(double age_gyr) const;
};

// From HubbleParam, Omega0 (or Omega_m) and OmegaLambda (or Omega_lambda) of the group Header.
// Errors: one of them missing or beyond belief, a universe that is not flat.
SimulationClock read_clock(const H5Reader& reader);

} // namespace lookback::tools
