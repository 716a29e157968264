#include "bench/posterior/problem.hpp"

#include "engine/error.hpp"
#include "engine/random.hpp"
#include "tools/files/ssp.hpp"
#include "tools/galaxy/wavelength_grids.hpp"
#include "tools/inference/history_at.hpp"
#include "tools/prepare/analytic_ssp.hpp"
#include "tools/prepare/synthetic.hpp"

#include <Eigen/QR>

#include <cmath>

namespace lookback::bench {

using namespace tools;
using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;

namespace {

constexpr Index bins = 64, dimension = 2 * bins;
constexpr double redshift = 0.05, a_v = 0.2, snr = 50;

std::vector<float> standardised_histories(Problem& p, std::uint64_t seed) {
  const Histories h = make_synthetic(15000, seed, bins);
  std::vector<float> x(std::size_t(h.count * dimension));
  for (std::int64_t n = 0; n < h.count; ++n)
    for (Index l = 0; l < bins; ++l) {
      x[std::size_t((n * bins + l) * 2)] = h.sfr_msun_per_yr[std::size_t(n * bins + l)];
      x[std::size_t((n * bins + l) * 2 + 1)] = h.log_z_zsun[std::size_t(n * bins + l)];
    }
  const std::vector<std::string> names{"sfr", "log_z"};
  p.normalization = nn::normalization_of(x, bins, names);
  nn::standardise(x, p.normalization, bins);
  p.model.emplace(p.grid, physics::TimeBins{h.bin_edges_gyr}, physics::Nuisance{a_v, redshift, 0},
                  [] {
                    std::vector<double> wavelength, all = sdss_wavelengths();
                    for (std::size_t i = 0; i < all.size(); i += 2) wavelength.push_back(all[i]);
                    return physics::spectrograph(wavelength, 1e-17);
                  }());
  return x;
}

} // namespace

MatrixXd normals(Index rows, Index cols, std::uint32_t object) {
  const Stream stream{
      .seed = 1, .purpose = Purpose::synthetic_history, .object = object, .draw = 1};
  MatrixXd z(rows, cols);
  for (Index i = 0; i < z.size(); ++i) z.data()[i] = stream.normal(std::uint64_t(i));
  return z;
}

Problem make_problem(const std::filesystem::path& ssp, Index components, std::uint64_t seed) {
  Problem p;
  p.grid = ssp.empty() ? make_analytic_ssp() : read_ssp(ssp);
  const std::vector<float> x = standardised_histories(p, seed);
  p.fit_data =
      Eigen::MatrixXf::Map(x.data(), dimension, Index(x.size()) / dimension).cast<double>();
  p.prior = fit_mixture(p.fit_data, components, seed);
  const VectorXd at_mean = history_at(VectorXd::Zero(dimension), p.normalization);
  const MatrixXd flux = p.model->value(at_mean);
  p.noise = flux.mean() / snr;
  const MatrixXd j = p.model->jacobian(at_mean);
  p.a.resize(j.rows(), dimension);
  const VectorXd zero = VectorXd::Zero(dimension);
  const auto d = nn::history_derivative({zero.data(), std::size_t(dimension)}, p.normalization, 2);
  for (Index k = 0; k < dimension; ++k) // x[L, C] against h[C, L]
    p.a.col(k % bins * 2 + k / bins) = d.diagonal[std::size_t(k)] * j.col(k) / p.noise;
  return p;
}

LinearData linear_mock(const Problem& p, std::uint32_t object) {
  const VectorXd truth = draws_of(*p.prior, 1, 1000 + object);
  return {p.a, p.a * truth + VectorXd(normals(p.a.rows(), 1, 2000 + object))};
}

LinearData compressed(const LinearData& data) {
  const VectorXd zero = VectorXd::Zero(dimension);
  const MatrixXd a = data.jacobian(zero);
  const Eigen::HouseholderQR<MatrixXd> qr(a);
  const MatrixXd q = qr.householderQ() * MatrixXd::Identity(a.rows(), dimension);
  return {q.transpose() * a, q.transpose() * data.residual(zero)};
}

NonlinearMock nonlinear_mock(const Problem& p, std::uint32_t object) {
  NonlinearMock mock{draws_of(*p.prior, 1, 1000 + object), {}, {}};
  const MatrixXd flux = p.model->value(history_at(mock.truth, p.normalization));
  Measurements measured;
  const VectorXd z = normals(flux.rows(), 1, 2000 + object);
  // Noise of the problem's typical galaxy: a truth's own would tell its flux.
  for (Index i = 0; i < flux.rows(); ++i) measured.flux.push_back(flux(i, 0) + p.noise * z[i]);
  measured.ivar.assign(measured.flux.size(), 1 / (p.noise * p.noise));
  measured.used.assign(measured.flux.size(), 1);
  mock.likelihood = std::make_unique<SpectrumLikelihood>(*p.model, p.normalization, measured);
  mock.data = std::make_unique<SpectrumData>(
      compressed_spectrum(*p.model, p.grid.log_z_zsun, *mock.likelihood, p.normalization));
  return mock;
}

} // namespace lookback::bench
