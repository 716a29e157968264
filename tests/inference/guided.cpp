#include "tools/inference/guided.hpp"

#include "engine/parallel.hpp"
#include "tests/inference/gaussian_case.hpp"

#include <Eigen/Cholesky>
#include <Eigen/LU>

#include <doctest/doctest.h>

using namespace lookback;
using namespace lookback::test;
using namespace lookback::tools;
using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;

namespace {

constexpr Index D = 6;

GaussianMixture gaussian() {
  return {VectorXd::Ones(1), normals(D, 1, 1), {covariance(D, 2)}};
}

// ln N(y; S(c), 1 + A V A^T) of linear data.
double log_gaussian(const LinearData& data, const VectorXd& c, const MatrixXd& v) {
  const MatrixXd a = data.jacobian(c);
  const Eigen::LLT<MatrixXd> gram(MatrixXd::Identity(a.rows(), a.rows()) + a * v * a.transpose());
  return -0.5 * gram.matrixL().solve(data.residual(c)).squaredNorm();
}

} // namespace

// Linear in x_t, so that central differences are exact but for rounding.
TEST_CASE("each likelihood score is the gradient of the Gaussian that its method assumes") {
  const GaussianMixture prior = gaussian();
  const MixtureDenoiser denoiser(prior);
  const LinearData data = linear_data(prior, 4, 10);
  const double sigma = 0.6, step = 1e-2;
  const VectorXd x = normals(D, 1, 4);
  const MatrixXd one = MatrixXd::Identity(D, D);
  const auto difference = [&](const VectorXd& at, const std::function<double(const VectorXd&)>& f) {
    VectorXd gradient(D);
    for (Index i = 0; i < D; ++i)
      gradient[i] = (f(at + step * one.col(i)) - f(at - step * one.col(i))) / (2 * step);
    return gradient;
  };
  const auto mean = [&](const VectorXd& at) -> VectorXd { return denoiser.mean(at, sigma); };
  const auto agrees = [&](Guidance guidance, const std::function<double(const VectorXd&)>& f) {
    const VectorXd found = likelihood_score(guidance, denoiser, data, x, sigma, mean(x));
    const VectorXd expected = difference(x, f);
    CHECK((found - expected).norm() < 1e-9 * expected.norm());
  };
  agrees(Guidance::cla,
         [&](const VectorXd& at) { return log_gaussian(data, at, sigma * sigma * one); });
  agrees(Guidance::dps, [&](const VectorXd& at) { return log_gaussian(data, mean(at), 0 * one); });
  agrees(Guidance::pigdm, [&](const VectorXd& at) {
    return log_gaussian(data, mean(at), sigma * sigma / (1 + sigma * sigma) * one);
  });
  // Cov[x | x_t] of a Gaussian prior.
  const MatrixXd v = (prior.covariance(0).inverse() + one / (sigma * sigma)).inverse();
  agrees(Guidance::tmpd, [&](const VectorXd& at) { return log_gaussian(data, mean(at), v); });
}

// Means of S draws err by 1/sqrt(S) of a width, covariances by sqrt(2/S): 5 of these, and the
// steps' own error, which is of the order of one step in ln sigma: ln(16/0.001)/levels of a width.
// The ODE does not forget that it begins around 0 and not around the mean: |mean|/16 of a width.
TEST_CASE("tmpd samples the posterior of a Gaussian prior with every integrator") {
  const Index S = 1500, levels = 200;
  const GaussianMixture prior = gaussian();
  const MixtureDenoiser denoiser(prior);
  const LinearData data = linear_data(prior, 4, 10);
  const MatrixXd a = data.jacobian({});
  const MatrixXd c = (prior.covariance(0).inverse() + a.transpose() * a).inverse();
  const VectorXd mean = c * (prior.covariance(0).inverse() * prior.mean().col(0) +
                             a.transpose() * data.residual(VectorXd::Zero(D)));
  const Eigen::LLT<MatrixXd> llt(c);
  const double steps = std::log(16 / 0.001) / double(levels);
  for (const Integrator integrator : {Integrator::euler, Integrator::ancestral, Integrator::heun,
                                      Integrator::predictor_corrector}) {
    CAPTURE(int(integrator));
    const MatrixXd x = sample_guided(denoiser, data, 0, S,
                                     {.integrator = integrator, .levels = int(levels), .seed = 2});
    const MatrixXd white = llt.matrixL().solve(x.colwise() - mean);
    const double start = integrator == Integrator::heun ? mean.norm() / 16 : 0;
    CHECK(white.rowwise().mean().cwiseAbs().maxCoeff() < 5 / std::sqrt(double(S)) + steps + start);
    const MatrixXd found = white * white.transpose() / double(S);
    CHECK((found - MatrixXd::Identity(D, D)).cwiseAbs().maxCoeff() <
          5 * std::sqrt(2.0 / double(S)) + 2 * steps + start);
  }
}

TEST_CASE("dps is too stiff for coarse levels and says so, and others are not") {
  const GaussianMixture prior = gaussian();
  const MixtureDenoiser denoiser(prior);
  const LinearData data(1e4 * normals(4, D, 10), normals(4, 1, 11));
  CHECK_THROWS_WITH_AS(
      sample_guided(denoiser, data, 0, 2, {.guidance = Guidance::dps, .levels = 50}),
      doctest::Contains("too stiff for 50 levels"), Error);
  CHECK(
      sample_guided(denoiser, data, 0, 2, {.guidance = Guidance::pigdm, .levels = 50}).allFinite());
  CHECK(sample_guided(denoiser, data, 0, 2, {.guidance = Guidance::cla, .levels = 50}).allFinite());
}

TEST_CASE("a guided chain does not depend on its company or on the number of threads") {
  const GaussianMixture prior = gaussian();
  const MixtureDenoiser denoiser(prior);
  const LinearData data = linear_data(prior, 4, 10);
  const GuidedOptions o{.integrator = Integrator::predictor_corrector, .levels = 10, .seed = 3};
  const MatrixXd all = sample_guided(denoiser, data, 0, 5, o);
  set_threads(1);
  const MatrixXd some = sample_guided(denoiser, data, 3, 2, o);
  set_threads(0);
  CHECK(all.rightCols(2) == some);
}
