#include "tools/inference/whitened_data.hpp"

#include "physics/metallicity.hpp"
#include "tools/inference/history_at.hpp"

#include <Eigen/Eigenvalues>

namespace lookback::tools {

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;

namespace {

constexpr double weakest = 1e-6; // singular value kept, of the largest

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
    sum += sfr * (1 - at.share) * r.col(at.lower * formed + i);
    sum += sfr * at.share * r.col(at.upper * formed + i);
  }
  return sum;
}

MatrixXd Populations::derivative(const MatrixXd& r, const VectorXd& x,
                                 const nn::Normalization& normalization) const {
  const VectorXd h = history_at(x, normalization);
  MatrixXd j = MatrixXd::Zero(r.rows(), x.size()); // columns as h[C, L]
  for (Index i = 0; i < formed; ++i) {
    const auto at = physics::metallicity_nodes(h[bins + i], log_z_nodes);
    const auto lower = r.col(at.lower * formed + i), upper = r.col(at.upper * formed + i);
    j.col(i) = (1 - at.share) * lower + at.share * upper;
    j.col(bins + i) = h[i] * at.slope * (upper - lower);
  }
  const nn::HistoryDerivative d =
      nn::history_derivative({x.data(), std::size_t(x.size())}, normalization, 2);
  VectorXd along = VectorXd::Zero(r.rows());
  if (!d.along.empty()) along = j * VectorXd::Map(d.along.data(), x.size());
  MatrixXd result(r.rows(), x.size()); // columns as x[L, C]
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

CompressedSpectrum::CompressedSpectrum(const physics::GalaxyModel& model,
                                       const VectorXd& log_z_nodes,
                                       const SpectrumLikelihood& likelihood,
                                       const nn::Normalization& normalization)
    : normalization_(normalization), populations_{model.bins(), model.observed_bins().formed,
                                                  log_z_nodes} {
  const MatrixXd data = likelihood.whitened_residual(MatrixXd::Zero(model.outputs(), 1));
  const MatrixXd b = whitened_populations(model, log_z_nodes, likelihood);
  const Eigen::SelfAdjointEigenSolver<MatrixXd> gram(b.transpose() * b);
  const VectorXd& square = gram.eigenvalues(); // increasing
  const double least = weakest * weakest * square[square.size() - 1];
  const Index kept = (square.array() > least).count();
  require(kept > 0, "likelihood: the model gives no flux in any pixel that is used");
  const VectorXd strength = square.tail(kept).cwiseSqrt();
  const MatrixXd v = gram.eigenvectors().rightCols(kept);
  r_ = strength.asDiagonal() * v.transpose();
  y_ = strength.cwiseInverse().asDiagonal() * (v.transpose() * (b.transpose() * data));
  pixels_.basis = b * (v * strength.cwiseInverse().asDiagonal());
  pixels_.rest = data - pixels_.basis * y_;
}

VectorXd CompressedSpectrum::residual(const VectorXd& x) const {
  return y_ - populations_.spectrum(r_, x, normalization_);
}

MatrixXd CompressedSpectrum::jacobian(const VectorXd& x) const {
  return populations_.derivative(r_, x, normalization_);
}

} // namespace lookback::tools
