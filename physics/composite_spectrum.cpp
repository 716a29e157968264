#include "physics/composite_spectrum.hpp"

#include "physics/age_weights.hpp"
#include "physics/units.hpp"

namespace lookback::physics {

using Eigen::Index;
using Eigen::MatrixXd;

MatrixXd mass_per_sfr(const ObservedBins& bins, const Eigen::VectorXd& age_nodes_gyr) {
  const MatrixXd shares = age_weights(bins, age_nodes_gyr).topRows(bins.formed);
  const Eigen::VectorXd mass = units::years_per_gyr * bins.duration_gyr.head(bins.formed);
  return (mass.asDiagonal() * shares).transpose();
}

MatrixXd rest_frame_basis(const SspGrid& grid, const ObservedBins& bins) {
  const MatrixXd mass = mass_per_sfr(bins, grid.age_gyr);
  MatrixXd basis(grid.wavelengths(), grid.metallicities() * bins.formed);
  for (Index j = 0; j < grid.metallicities(); ++j)
    basis.middleCols(j * bins.formed, bins.formed).noalias() = grid.spectra(j) * mass;
  return basis;
}

} // namespace lookback::physics
