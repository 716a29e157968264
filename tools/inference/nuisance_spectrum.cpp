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

SpectrumData nuisance_spectrum(const ModelAt& model_at, const physics::Nuisance& centre,
                               std::vector<NuisancePrior> free, const VectorXd& log_z_nodes,
                               const SpectrumLikelihood& likelihood,
                               const nn::Normalization& normalization) {
  SpectrumTerms terms;
  terms.normalization = normalization;
  terms.free = std::move(free);
  Index nodes = 1;
  for (const NuisancePrior& prior : terms.free) {
    terms.axes.push_back(chebyshev_nodes(prior));
    nodes *= terms.axes.back().size();
  }
  std::vector<MatrixXd> spectra{std::size_t(nodes)}; // W B at each node
  std::vector<Populations> populations{std::size_t(nodes)};
  const VectorXd data = likelihood.whitened_residual(MatrixXd::Zero(model_at(centre).outputs(), 1));
  parallel_for(nodes, [&](std::int64_t k) {
    physics::Nuisance nuisance = centre;
    Index rest = k;
    for (std::size_t q = 0; q < terms.free.size(); ++q) {
      nuisance.*terms.free[q].parameter = terms.axes[q][rest % terms.axes[q].size()];
      rest /= terms.axes[q].size();
    }
    const physics::GalaxyModel model = model_at(nuisance);
    populations[std::size_t(k)] = {model.bins(), model.observed_bins().formed, log_z_nodes};
    spectra[std::size_t(k)] = whitened_populations(model, log_z_nodes, likelihood);
  });
  terms.populations = populations[0];
  for (const Populations& p : populations)
    require(p.formed == terms.populations.formed,
            "within the range of redshifts the galaxy's epoch passes an edge of the time bins; "
            "narrow the range");
  double strongest = 0;
  for (const MatrixXd& b : spectra) strongest = std::max(strongest, b.norm());
  require(strongest > 0, "likelihood: the model gives no flux in any pixel that is used");
  MatrixXd basis;
  for (const MatrixXd& b : spectra) extend(basis, b, least_noticed * strongest / data.norm());
  terms.y = basis.transpose() * data;
  const Index size = terms.y.size();
  terms.r.resize(nodes * size, spectra[0].cols());
  for (Index k = 0; k < nodes; ++k)
    terms.r.middleRows(k * size, size) = basis.transpose() * spectra[std::size_t(k)];
  const VectorXd rest = data - basis * terms.y;
  return SpectrumData(std::move(terms), {basis, rest});
}

} // namespace lookback::tools
