// The prior of a galaxy's parameter as a function of a standard normal variable u.
#pragma once

#include "physics/light_path.hpp"

namespace lookback::tools {

struct NuisancePrior {
  double physics::Nuisance::*parameter; // a_v, redshift or sigma_v_km_per_s
  double low, high;                     // of an even prior, or 5 errors about the centre
  double error = 0;                     // of a Gaussian prior; 0: even

  double value(double u) const;
  double u_of(double value) const; // the way back; at most 8 from 0
  double slope(double u) const;    // dvalue/du
};

// Even between two numbers. Errors: not 0 <= low < high.
NuisancePrior even_prior(double physics::Nuisance::*parameter, double low, double high);
// Gaussian, cut at 5 errors. Errors: error not positive, or more than a fifth of the centre.
NuisancePrior gaussian_prior(double physics::Nuisance::*parameter, double centre, double error);

} // namespace lookback::tools
