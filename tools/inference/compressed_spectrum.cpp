#include "tools/inference/compressed_spectrum.hpp"

#include "physics/metallicity.hpp"
#include "tools/inference/history_at.hpp"

#include <Eigen/Eigenvalues>

namespace lookback::tools {

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;

namespace {

constexpr double weakest = 1e-6; // singular value kept, of the largest

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

// One column a population: stars of one time bin at one metallicity node, 1 Msun/yr.
MatrixXd population_spectra(const physics::GalaxyModel& model, const VectorXd& log_z_nodes) {
  const Index bins = model.bins(), formed = model.observed_bins().formed;
  MatrixXd spectra(model.outputs(), log_z_nodes.size() * formed);
  for (Index j = 0; j < log_z_nodes.size(); ++j) {
    MatrixXd single = MatrixXd::Zero(2 * bins, formed);
    single.bottomRows(bins).setConstant(log_z_nodes[j]);
    single.topRows(formed).setIdentity();
    spectra.middleCols(j * formed, formed) = model.value(single);
  }
  return spectra;
}

} // namespace

VectorXd Populations::spectrum(const MatrixXd& r, const VectorXd& x,
                               const nn::Normalization& normalization) const {
  const VectorXd h = history_at(x, normalization);
  VectorXd sum = VectorXd::Zero(r.rows());
  for (Index i = 0; i < formed; ++i) {
    const double sfr = h[i];
    const auto at = physics::metallicity_nodes(h[bins + i], log_z_nodes);
    sum += sfr * (1 - at.share) * r.col(at.lower * formed + i) +
           sfr * at.share * r.col(at.upper * formed + i);
  }
  return sum;
}

MatrixXd Populations::derivative(const MatrixXd& r, const VectorXd& node, const VectorXd& x,
                                 const nn::Normalization& normalization) const {
  const Index size = r.rows() / node.size();
  const auto population = [&](Index metallicity, Index bin) -> VectorXd {
    return MatrixXd::Map(r.col(metallicity * formed + bin).data(), size, node.size()) * node;
  };
  const VectorXd h = history_at(x, normalization);
  MatrixXd j = MatrixXd::Zero(size, x.size()); // columns as h[C, L]
  for (Index i = 0; i < formed; ++i) {
    const auto at = physics::metallicity_nodes(h[bins + i], log_z_nodes);
    const VectorXd lower = population(at.lower, i), upper = population(at.upper, i);
    j.col(i) = (1 - at.share) * lower + at.share * upper;
    j.col(bins + i) = h[i] * at.slope * (upper - lower);
  }
  const nn::HistoryDerivative d =
      nn::history_derivative({x.data(), std::size_t(x.size())}, normalization, 2);
  VectorXd along = VectorXd::Zero(size);
  if (!d.along.empty()) along = j * VectorXd::Map(d.along.data(), x.size());
  MatrixXd result(size, x.size()); // columns as x[L, C]
  for (Index k = 0; k < x.size(); ++k) {
    auto column = result.col(k % bins * 2 + k / bins);
    column = d.diagonal[std::size_t(k)] * j.col(k);
    if (!d.across.empty()) column += d.across[std::size_t(k)] * along;
  }
  return result;
}

MatrixXd whitened_populations(const physics::GalaxyModel& model, const VectorXd& log_z_nodes,
                              const SpectrumLikelihood& likelihood) {
  const MatrixXd data = likelihood.whitened_residual(MatrixXd::Zero(model.outputs(), 1));
  const MatrixXd spectra = population_spectra(model, log_z_nodes);
  return data.replicate(1, spectra.cols()) - likelihood.whitened_residual(spectra);
}

SpectrumData::Weights SpectrumData::weights(const VectorXd& x) const {
  const Index Q = Index(terms_.free.size());
  Weights w{VectorXd::Ones(1), MatrixXd::Ones(1, Q)};
  for (Index q = 0; q < Q; ++q) {
    const NuisancePrior& prior = terms_.free[std::size_t(q)];
    const double u = x[x.size() - Q + q];
    const auto [value, slope] = lagrange(terms_.axes[std::size_t(q)], prior.value(u));
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

VectorXd SpectrumData::residual(const VectorXd& x) const {
  const VectorXd all = terms_.populations.spectrum(terms_.r, x.head(2 * terms_.populations.bins),
                                                   terms_.normalization);
  return terms_.y - MatrixXd::Map(all.data(), size(), all.size() / size()) * weights(x).value;
}

MatrixXd SpectrumData::jacobian(const VectorXd& x) const {
  const SpectrumTerms& t = terms_;
  const VectorXd history = x.head(2 * t.populations.bins);
  const Weights w = weights(x);
  MatrixXd j(size(), x.size());
  j.leftCols(history.size()) = t.populations.derivative(t.r, w.value, history, t.normalization);
  if (t.free.empty()) return j;
  const VectorXd all = t.populations.spectrum(t.r, history, t.normalization);
  j.rightCols(w.by_u.cols()) = MatrixXd::Map(all.data(), size(), w.value.size()) * w.by_u;
  return j;
}

SpectrumData compressed_spectrum(const physics::GalaxyModel& model, const VectorXd& log_z_nodes,
                                 const SpectrumLikelihood& likelihood,
                                 const nn::Normalization& normalization) {
  const MatrixXd data = likelihood.whitened_residual(MatrixXd::Zero(model.outputs(), 1));
  const MatrixXd b = whitened_populations(model, log_z_nodes, likelihood);
  const Eigen::SelfAdjointEigenSolver<MatrixXd> gram(b.transpose() * b);
  const VectorXd& square = gram.eigenvalues(); // increasing
  const double least = weakest * weakest * square[square.size() - 1];
  const Index kept = (square.array() > least).count();
  require(kept > 0, "likelihood: the model gives no flux in any pixel that is used");
  const VectorXd strength = square.tail(kept).cwiseSqrt();
  const MatrixXd v = gram.eigenvectors().rightCols(kept);
  SpectrumTerms terms{{model.bins(), model.observed_bins().formed, log_z_nodes},
                      normalization,
                      strength.asDiagonal() * v.transpose(),
                      strength.cwiseInverse().asDiagonal() *
                          (v.transpose() * (b.transpose() * data)),
                      {},
                      {}};
  const MatrixXd basis = b * (v * strength.cwiseInverse().asDiagonal());
  const VectorXd rest = data - basis * terms.y;
  return SpectrumData(std::move(terms), {basis, rest});
}

} // namespace lookback::tools
