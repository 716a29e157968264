#include "physics/composite_spectrum.hpp"

#include "physics/units.hpp"

namespace lookback::physics {

using Eigen::Index;
using Eigen::MatrixXd;

MatrixXd mass_per_sfr(const ObservedBins& bins, const Eigen::VectorXd& age_nodes_gyr,
                      AgeRule rule) {
  const MatrixXd shares = age_weights(bins, age_nodes_gyr, rule).topRows(bins.formed);
  const Eigen::VectorXd mass = units::years_per_gyr * bins.duration_gyr.head(bins.formed);
  return (mass.asDiagonal() * shares).transpose();
}

// The mass at node a is the integral of its weight over the bin's ages, so only the ends count.
MatrixXd mass_per_sfr_slope(const ObservedBins& bins, const Eigen::VectorXd& age_nodes_gyr) {
  MatrixXd slope(age_nodes_gyr.size(), bins.formed);
  for (Index i = 0; i < bins.formed; ++i) {
    slope.col(i) = weights_at_age(bins.oldest_gyr[i], age_nodes_gyr);
    if (bins.youngest_gyr[i] > 0)
      slope.col(i) -= weights_at_age(bins.youngest_gyr[i], age_nodes_gyr);
  }
  return units::years_per_gyr * slope;
}

MatrixXd rest_frame_basis(const SspGrid& grid, const ObservedBins& bins) {
  const MatrixXd mass = mass_per_sfr(bins, grid.age_gyr);
  MatrixXd basis(grid.wavelengths(), grid.metallicities() * bins.formed);
  for (Index j = 0; j < grid.metallicities(); ++j)
    basis.middleCols(j * bins.formed, bins.formed).noalias() = grid.spectra(j) * mass;
  return basis;
}

} // namespace lookback::physics
