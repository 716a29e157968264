#include "physics/galaxy_model.hpp"

#include "engine/error.hpp"
#include "physics/composite_spectrum.hpp"
#include "physics/cosmology.hpp"

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
      log_z_nodes_(checked(grid).log_z_zsun), basis_(MatrixXd(), 0) {
  const LightPath path(grid.wavelength_angstrom, grid.lsun_erg_per_s, instrument, nuisance);
  inside_ = path.inside();
  basis_ = PopulationBasis(observed_basis(grid, observed_, path, rule), observed_.formed);
}

void GalaxyModel::check_histories(const MatrixXd& x) const {
  require(x.rows() == inputs(), "histories have ", x.rows(), " rows; expected ", inputs(),
          ", the SFR and the log Z of ", bins(), " bins");
}

// f(rate, log Z's two nodes, row of the bin, column) for every formed bin of every history.
template <class F> std::vector<NodePair> GalaxyModel::pairs(const MatrixXd& x, F f) const {
  check_histories(x);
  std::vector<NodePair> result;
  result.reserve(static_cast<std::size_t>(observed_.formed * x.cols()));
  for (Index n = 0; n < x.cols(); ++n)
    for (Index i = 0; i < observed_.formed; ++i) {
      const TwoNodes at = metallicity_nodes(x(bins() + i, n), log_z_nodes_);
      const auto [lower, upper] = f(x(i, n), at, i, n);
      result.push_back({at.lower, at.upper, lower, upper});
    }
  return result;
}

MatrixXd GalaxyModel::value(const MatrixXd& x) const {
  const auto weights = [](double sfr, const TwoNodes& at, Index, Index) {
    return std::pair{sfr * (1 - at.share), sfr * at.share};
  };
  return basis_.apply(pairs(x, weights), x.cols());
}

MatrixXd GalaxyModel::jvp(const MatrixXd& x, const MatrixXd& d) const {
  check_histories(d);
  require(x.cols() == d.cols(), "histories: ", x.cols(), " with ", d.cols(),
          " directions; expected as many of one as of the other");
  const auto changes = [&](double sfr, const TwoNodes& at, Index i, Index n) {
    const double shift = sfr * at.slope * d(bins() + i, n);
    return std::pair{d(i, n) * (1 - at.share) - shift, d(i, n) * at.share + shift};
  };
  return basis_.apply(pairs(x, changes), x.cols());
}

MatrixXd GalaxyModel::vjp(const MatrixXd& x, const MatrixXd& u) const {
  const auto shares = [](double, const TwoNodes& at, Index, Index) {
    return std::pair{1 - at.share, at.share};
  };
  require(x.cols() == u.cols(), "histories: ", x.cols(), " with ", u.cols(),
          " cotangents; expected as many of one as of the other");
  const std::vector<NodePair> at = pairs(x, shares);
  const MatrixXd dots = basis_.dots(at, u);
  MatrixXd gradient = MatrixXd::Zero(inputs(), x.cols());
  auto pair = at.begin();
  for (Index n = 0; n < x.cols(); ++n)
    for (Index i = 0; i < observed_.formed; ++i, ++pair) {
      const double lower = dots(2 * i, n), upper = dots(2 * i + 1, n);
      const double slope = metallicity_nodes(x(bins() + i, n), log_z_nodes_).slope;
      gradient(i, n) = pair->at_lower * lower + pair->at_upper * upper;
      gradient(bins() + i, n) = x(i, n) * slope * (upper - lower);
    }
  return gradient;
}

MatrixXd GalaxyModel::jacobian(const VectorXd& x) const {
  MatrixXd j(pixels(), inputs());
  jacobian_into(x, j);
  return j;
}

void GalaxyModel::jacobian_into(const VectorXd& x, Eigen::Ref<MatrixXd> j) const {
  require(x.size() == inputs(), "a history has ", x.size(), " values; expected ", inputs());
  require(j.rows() == pixels() && j.cols() == inputs(), "the Jacobian's memory is ", j.rows(),
          " x ", j.cols(), "; expected ", pixels(), " x ", inputs());
  const Index formed = observed_.formed;
  j.middleCols(formed, bins() - formed).setZero();
  j.rightCols(bins() - formed).setZero();
  for (Index i = 0; i < formed; ++i) {
    const TwoNodes at = metallicity_nodes(x[bins() + i], log_z_nodes_);
    const double shift = x[i] * at.slope;
    basis_.columns(i, {at.lower, at.upper, 1 - at.share, at.share},
                   {at.lower, at.upper, -shift, shift}, j.col(i), j.col(bins() + i));
  }
}

} // namespace lookback::physics
