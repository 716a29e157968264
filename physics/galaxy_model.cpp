#include "physics/galaxy_model.hpp"

#include "engine/error.hpp"
#include "physics/attenuation.hpp"
#include "physics/composite_spectrum.hpp"
#include "physics/cosmology.hpp"
#include "physics/metallicity.hpp"
#include "physics/redshift.hpp"
#include "physics/resampling.hpp"

#include <algorithm>
#include <cmath>

namespace lookback::physics {

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;

namespace {

const SspGrid& checked(const SspGrid& grid) {
  check(grid);
  return grid;
}

// Observed flux per rest-frame luminosity at each wavelength of the grid, before resampling.
VectorXd flux_factor(const SspGrid& grid, double redshift, double a_v, double flux_unit) {
  require(std::isfinite(a_v) && a_v >= 0, "A_V ", a_v, " mag; expected a finite number, 0 or more");
  require(std::isfinite(flux_unit) && flux_unit > 0, "flux unit ", flux_unit,
          "; expected a positive number");
  return flux_per_luminosity(redshift, grid.lsun_erg_per_s) / flux_unit *
         transmission(calzetti_curve(grid.wavelength_angstrom), a_v);
}

// Resampling comes first here: it touches each age node once and shrinks what the sum over ages
// has to carry. Both are linear, so the order is free.
MatrixXd observed_basis(const SspGrid& grid, const ObservedBins& bins, const VectorXd& factor,
                        const Resampler& to_pixels) {
  const MatrixXd mass = mass_per_sfr(bins, grid.age_gyr);
  MatrixXd basis(to_pixels.outputs(), grid.metallicities() * bins.formed);
  for (Index j = 0; j < grid.metallicities(); ++j)
    basis.middleCols(j * bins.formed, bins.formed).noalias() =
        to_pixels.apply(factor.asDiagonal() * grid.spectra(j)) * mass;
  return basis;
}

} // namespace

GalaxyModel::GalaxyModel(const SspGrid& grid, const TimeBins& bins, double redshift, double a_v,
                         std::span<const double> wavelength_angstrom, double flux_unit)
    : redshift_(redshift), a_v_(a_v), observed_(observe(bins, age_gyr(redshift))),
      log_z_nodes_(checked(grid).log_z_zsun),
      weights_(observed_.count(), observed_.formed, log_z_nodes_), basis_(MatrixXd()) {
  require(std::all_of(wavelength_angstrom.begin(), wavelength_angstrom.end(),
                      [](double l) { return std::isfinite(l) && l > 0; }),
          "a wavelength of the spectrum is not a positive number of Angstrom");
  const Resampler to_pixels(ResamplingRule::linear, grid.wavelength_angstrom, wavelength_angstrom,
                            redshift);
  inside_ = to_pixels.inside();
  basis_ = Basis(
      observed_basis(grid, observed_, flux_factor(grid, redshift, a_v, flux_unit), to_pixels));
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
