// The spectrum of a time bin as a mean over the ages of the stars in it. The SSP flux is piecewise
// linear in ln(age) between the grid's nodes and constant outside them, so its exact mean over
// [youngest, oldest] is a weighted sum over nodes, and the weights depend on the ages alone. (The
// flux at a bin's central age is up to 40 % too faint in the youngest bin: massive stars live for
// far less than a bin.)
#pragma once

#include "physics/time_bins.hpp"

#include <Eigen/Core>

namespace lookback::physics {

// How the mean is taken. The other rules are for comparison with other codes.
enum class AgeRule {
  exact,         // as above
  linear_in_age, // the flux is a straight line in age between the grid's nodes
  even_512,      // likewise between 512 even ages from 0 to the age of the universe today
  bin_centre,    // the flux at the bin's central age
};

// [bins, ages] W with  mean over bin i of S(age) = sum_a W(i, a) S(a).  Rows sum to 1, and to 0 for
// bins after the epoch of observation.
Eigen::MatrixXd age_weights(const ObservedBins& bins, const Eigen::VectorXd& age_nodes_gyr,
                            AgeRule rule = AgeRule::exact);

// [bins, ages] likewise for the mean over bin i of age * S(age), in Gyr.
Eigen::MatrixXd age_moment_weights(const ObservedBins& bins, const Eigen::VectorXd& age_nodes_gyr);

// [ages] the two-node weights of one age in ln(age), constant outside the nodes.
Eigen::VectorXd weights_at_age(double age_gyr, const Eigen::VectorXd& age_nodes_gyr);

} // namespace lookback::physics
