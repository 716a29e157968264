// The spectrum of all stars of a galaxy as a product of its history's weights (history_weights.hpp)
// with a basis: the stars that 1 Msun/yr leaves in bin i at metallicity j shine with
//
//   P(l; i, j) = 10^9 D_i  sum_a W(i, a) S(j, a, l),
//
// D_i the duration of the bin in Gyr, W the age weights (age_weights.hpp), S the SSP grid.
#pragma once

#include "physics/age_weights.hpp"
#include "physics/ssp_grid.hpp"
#include "physics/time_bins.hpp"

#include <Eigen/Core>

namespace lookback::physics {

// [ages, formed] mass at each age node, Msun per Msun/yr of SFR in each bin.
Eigen::MatrixXd mass_per_sfr(const ObservedBins& bins, const Eigen::VectorXd& age_nodes_gyr,
                             AgeRule rule = AgeRule::exact);

// Derivative of the exact rule with respect to t_obs [Gyr], rates fixed: every star ages, complete
// bins keep their mass and the bin in which the galaxy is observed grows. Right-hand where a new
// bin begins.
Eigen::MatrixXd mass_per_sfr_slope(const ObservedBins& bins, const Eigen::VectorXd& age_nodes_gyr);

// [W, nodes * formed] rest-frame luminosity without dust, Lsun/Angstrom per Msun/yr; the bin runs
// fastest along the columns.
Eigen::MatrixXd rest_frame_basis(const SspGrid& grid, const ObservedBins& bins);

} // namespace lookback::physics
