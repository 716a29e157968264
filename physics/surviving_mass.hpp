// The share of the mass formed that is still in stars and remnants, from a published table such as
// FIREFLY's (Maraston 2005) instead of the SSP grid's own fractions: bilinear in log10 Z and
// ln(age), clamped at the ends. Each metallicity has its own ages.
#pragma once

#include "physics/ssp_grid.hpp"

#include <Eigen/Core>
#include <vector>

namespace lookback::physics {

struct SurvivingMassTable {
  struct Track {
    double log_z_zsun;
    Eigen::VectorXd age_gyr;  // [n] positive, increasing
    Eigen::VectorXd fraction; // [n] of the mass formed, 0 .. 1
  };
  std::vector<Track> tracks; // increasing in log Z
};

// From rows in any order, as the published files list them. Errors: columns of different length,
// no rows, two rows of the same metallicity and age, values out of range or not finite.
SurvivingMassTable surviving_mass_table(const Eigen::VectorXd& log_z_zsun,
                                        const Eigen::VectorXd& age_gyr,
                                        const Eigen::VectorXd& fraction);

double surviving_fraction(const SurvivingMassTable& table, double log_z_zsun, double age_gyr);

// [Z, A] at the nodes of a grid, to be put in the place of its surviving_mass_fraction.
Eigen::MatrixXd surviving_fractions(const SurvivingMassTable& table, const SspGrid& grid);

} // namespace lookback::physics
