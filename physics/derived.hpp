// Quantities of one history that people quote: masses, recent star formation, formation times, mean
// age and metallicity, all at the epoch of observation. Rules:
//   - samples of a prior may have slightly negative rates; every quantity here uses max(SFR, 0);
//   - the rate is constant inside a bin and only the part of a bin before t_obs counts;
//   - lookback times and ages are counted back from t_obs, not from today.
#pragma once

#include "physics/ssp_grid.hpp"
#include "physics/time_bins.hpp"

#include <Eigen/Core>

namespace lookback::physics {

struct DerivedQuantities {          // no stars at all: masses are -infinity, times and means NaN
  double log10_mass_formed_msun;    // total ever formed
  double log10_mass_surviving_msun; // still in stars and remnants; NaN without the grid's fractions
  double sfr_10;                    // Msun/yr, mean of the last 10 Myr
  double sfr_100;                   // Msun/yr, mean of the last 100 Myr
  double t50_lookback_gyr;          // time since half of the mass had formed
  double t90_lookback_gyr;          // time since 90 % of the mass had formed
  double age_mass_weighted_gyr;     // mean age of the mass formed
  double age_light_weighted_gyr;    // mean age weighted by rest 5500 A flux without dust; or NaN
  double log_z_mass_weighted;       // log10 of the mean Z/Zsun of the mass formed
};

class DerivedModel { // immutable after construction
public:
  // Without a grid, surviving mass and light-weighted age are NaN.
  DerivedModel(const TimeBins& bins, double redshift, const SspGrid* grid = nullptr);

  bool has_surviving_mass() const { return surviving_.size() > 0; }
  bool has_light_weighted_age() const { return light_.size() > 0; }

  // history [2 bins]: SFR [Msun/yr], then log10(Z/Zsun).
  DerivedQuantities operator()(const Eigen::VectorXd& history) const;

private:
  ObservedBins observed_;
  Eigen::VectorXd log_z_nodes_;
  Eigen::MatrixXd surviving_; // [nodes, bins] surviving fraction, averaged over the bin's ages
  Eigen::MatrixXd light_;     // [nodes, bins] 5500 A flux per Msun, averaged likewise
  Eigen::MatrixXd light_times_age_; // [nodes, bins] and its product with age
};

} // namespace lookback::physics
