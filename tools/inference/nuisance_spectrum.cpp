#include "tools/inference/nuisance_spectrum.hpp"

#include "engine/parallel.hpp"

#include <Eigen/Eigenvalues>

#include <cmath>
#include <numbers>

namespace lookback::tools {

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;

namespace {

// Singular values are kept that move the data by this many standard deviations or more, for a
// galaxy as bright as the data in nothing but the strongest direction.
constexpr double least_noticed = 0.05;

// Tests bound what polynomials of this many nodes miss, for 2 mag, 10 errors of an SDSS redshift
// and 200 km/s.
Index nodes_of(const NuisancePrior& prior) {
  if (prior.parameter == &physics::Nuisance::a_v) return 6;
  return prior.parameter == &physics::Nuisance::redshift ? 3 : 4;
}

VectorXd chebyshev_nodes(const NuisancePrior& prior) {
  const Index n = nodes_of(prior);
  VectorXd nodes(n);
  for (Index i = 0; i < n; ++i)
    nodes[i] =
        0.5 * (prior.low + prior.high) -
        0.5 * (prior.high - prior.low) * std::cos(std::numbers::pi * (double(i) + 0.5) / double(n));
  return nodes;
}

// Lagrange's polynomials at v, and their derivatives.
std::pair<VectorXd, VectorXd> lagrange(const VectorXd& nodes, double v) {
  const Index n = nodes.size();
  VectorXd value = VectorXd::Ones(n), slope = VectorXd::Zero(n);
  for (Index i = 0; i < n; ++i)
    for (Index j = 0; j < n; ++j) {
      if (j == i) continue;
      const double scale = 1 / (nodes[i] - nodes[j]);
      slope[i] = (slope[i] * (v - nodes[j]) + value[i]) * scale;
      value[i] *= (v - nodes[j]) * scale;
    }
  return {value, slope};
}

// The basis grows by the directions of b that it does not hold.
void extend(MatrixXd& basis, const MatrixXd& b, double least) {
  MatrixXd rest = b;
  if (basis.cols() > 0) rest -= basis * (basis.transpose() * b);
  const Eigen::SelfAdjointEigenSolver<MatrixXd> gram(rest.transpose() * rest);
  const Index more = (gram.eigenvalues().array() > least * least).count();
  if (more == 0) return;
  MatrixXd fresh = rest * gram.eigenvectors().rightCols(more) *
                   gram.eigenvalues().tail(more).cwiseSqrt().cwiseInverse().asDiagonal();
  if (basis.cols() > 0) fresh -= basis * (basis.transpose() * fresh); // rounding
  fresh.colwise().normalize();
  basis.conservativeResize(b.rows(), basis.cols() + more);
  basis.rightCols(more) = fresh;
}

} // namespace

NuisanceSpectrum::NuisanceSpectrum(const ModelAt& model_at, const physics::Nuisance& centre,
                                   std::vector<NuisancePrior> free, const VectorXd& log_z_nodes,
                                   const SpectrumLikelihood& likelihood,
                                   const nn::Normalization& normalization)
    : free_(std::move(free)), normalization_(normalization) {
  Index nodes = 1;
  for (const NuisancePrior& prior : free_) {
    axes_.push_back(chebyshev_nodes(prior));
    nodes *= axes_.back().size();
  }
  std::vector<MatrixXd> spectra{std::size_t(nodes)}; // W B at each node
  VectorXd data;
  std::vector<Populations> populations{std::size_t(nodes)};
  const MatrixXd none = likelihood.whitened_residual(MatrixXd::Zero(model_at(centre).outputs(), 1));
  data = none;
  parallel_for(nodes, [&](std::int64_t k) {
    physics::Nuisance nuisance = centre;
    Index rest = k;
    for (std::size_t q = 0; q < free_.size(); ++q) {
      nuisance.*free_[q].parameter = axes_[q][rest % axes_[q].size()];
      rest /= axes_[q].size();
    }
    const physics::GalaxyModel model = model_at(nuisance);
    populations[std::size_t(k)] = {model.bins(), model.observed_bins().formed, log_z_nodes};
    spectra[std::size_t(k)] = whitened_populations(model, log_z_nodes, likelihood);
  });
  populations_ = populations[0];
  for (const Populations& p : populations)
    require(p.formed == populations_.formed,
            "within the range of redshifts the galaxy's epoch passes an edge of the time bins; "
            "narrow the range");
  double strongest = 0;
  for (const MatrixXd& b : spectra) strongest = std::max(strongest, b.norm());
  require(strongest > 0, "likelihood: the model gives no flux in any pixel that is used");
  MatrixXd basis;
  for (const MatrixXd& b : spectra) extend(basis, b, least_noticed * strongest / data.norm());
  y_ = basis.transpose() * data;
  r_.resize(nodes * y_.size(), spectra[0].cols());
  for (Index k = 0; k < nodes; ++k)
    r_.middleRows(k * y_.size(), y_.size()) = basis.transpose() * spectra[std::size_t(k)];
  pixels_.rest = data - basis * y_;
  pixels_.basis = std::move(basis);
}

NuisanceSpectrum::Weights NuisanceSpectrum::weights(const VectorXd& x) const {
  const Index Q = Index(free_.size());
  Weights w{VectorXd::Ones(1), MatrixXd::Ones(1, Q)};
  for (Index q = 0; q < Q; ++q) {
    const NuisancePrior& prior = free_[std::size_t(q)];
    const double u = x[x.size() - Q + q];
    const auto [value, slope] = lagrange(axes_[std::size_t(q)], prior.value(u));
    const VectorXd old = w.value;
    const MatrixXd old_by_u = w.by_u;
    w.value.resize(old.size() * value.size());
    w.by_u.resize(w.value.size(), Q);
    for (Index i = 0; i < value.size(); ++i) { // the first parameter runs fastest
      w.value.segment(i * old.size(), old.size()) = value[i] * old;
      for (Index p = 0; p < Q; ++p)
        w.by_u.col(p).segment(i * old.size(), old.size()) =
            (p == q ? slope[i] * prior.slope(u) : value[i]) * old_by_u.col(p);
    }
  }
  return w;
}

VectorXd NuisanceSpectrum::residual(const VectorXd& x) const {
  const VectorXd all = populations_.spectrum(r_, x.head(2 * populations_.bins), normalization_);
  return y_ - MatrixXd::Map(all.data(), size(), all.size() / size()) * weights(x).value;
}

MatrixXd NuisanceSpectrum::jacobian(const VectorXd& x) const {
  const VectorXd history = x.head(2 * populations_.bins);
  const Weights w = weights(x);
  const VectorXd all = populations_.spectrum(r_, history, normalization_);
  const MatrixXd by_x = populations_.derivative(r_, history, normalization_);
  MatrixXd j(size(), x.size());
  for (Index k = 0; k < by_x.cols(); ++k)
    j.col(k) = MatrixXd::Map(by_x.col(k).data(), size(), w.value.size()) * w.value;
  j.rightCols(w.by_u.cols()) = MatrixXd::Map(all.data(), size(), w.value.size()) * w.by_u;
  return j;
}

} // namespace lookback::tools
