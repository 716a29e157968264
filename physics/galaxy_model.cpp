#include "physics/galaxy_model.hpp"

#include "engine/error.hpp"
#include "physics/composite_spectrum.hpp"
#include "physics/cosmology.hpp"
#include "physics/metallicity.hpp"

namespace lookback::physics {

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;

namespace {

const SspGrid& checked(const SspGrid& grid) {
  check(grid);
  return grid;
}

// The path comes first: it shrinks what the sum over ages has to carry. Both are linear, so the
// order is free.
MatrixXd observed_basis(const SspGrid& grid, const ObservedBins& bins, const LightPath& path,
                        AgeRule rule) {
  const MatrixXd mass = mass_per_sfr(bins, grid.age_gyr, rule);
  MatrixXd basis(path.outputs(), grid.metallicities() * bins.formed);
  for (Index j = 0; j < grid.metallicities(); ++j)
    basis.middleCols(j * bins.formed, bins.formed).noalias() = path.apply(grid.spectra(j)) * mass;
  return basis;
}

} // namespace

GalaxyModel::GalaxyModel(const SspGrid& grid, const TimeBins& bins, double redshift, double a_v,
                         std::span<const double> wavelength_angstrom, double flux_unit)
    : GalaxyModel(grid, bins, {.a_v = a_v, .redshift = redshift},
                  spectrograph(wavelength_angstrom, flux_unit)) {}

GalaxyModel::GalaxyModel(const SspGrid& grid, const TimeBins& bins, const Nuisance& nuisance,
                         const Instrument& instrument, AgeRule rule)
    : nuisance_(nuisance), observed_(observe(bins, age_gyr(nuisance.redshift))),
      log_z_nodes_(checked(grid).log_z_zsun),
      weights_(observed_.count(), observed_.formed, log_z_nodes_), basis_(MatrixXd()) {
  const LightPath path(grid.wavelength_angstrom, grid.lsun_erg_per_s, instrument, nuisance);
  inside_ = path.inside();
  basis_ = Basis(observed_basis(grid, observed_, path, rule));
}

MatrixXd GalaxyModel::value(const MatrixXd& x) const {
  return basis_.apply(weights_.value(x));
}

MatrixXd GalaxyModel::jvp(const MatrixXd& x, const MatrixXd& d) const {
  return basis_.apply(weights_.jvp(x, d));
}

MatrixXd GalaxyModel::vjp(const MatrixXd& x, const MatrixXd& u) const {
  return weights_.vjp(x, basis_.transpose(u));
}

MatrixXd GalaxyModel::jacobian(const VectorXd& x) const {
  require(x.size() == inputs(), "a history has ", x.size(), " values; expected ", inputs());
  const Index formed = observed_.formed;
  const MatrixXd& p = basis_.matrix();
  MatrixXd j = MatrixXd::Zero(pixels(), inputs());
  for (Index i = 0; i < formed; ++i) {
    const TwoNodes at = metallicity_nodes(x[bins() + i], log_z_nodes_);
    const auto lower = p.col(at.lower * formed + i), upper = p.col(at.upper * formed + i);
    j.col(i) = (1 - at.share) * lower + at.share * upper;
    j.col(bins() + i) = x[i] * at.slope * (upper - lower);
  }
  return j;
}

} // namespace lookback::physics
