#include "tools/inference/dkps.hpp"

#include "engine/parallel.hpp"
#include "tests/inference/bent_case.hpp"
#include "tests/inference/gaussian_case.hpp"
#include "tests/tools/files_helpers.hpp"
#include "tools/inference/exact_mixture.hpp"

#include <Eigen/Cholesky>

#include <cmath>
#include <doctest/doctest.h>

using namespace lookback;
using namespace lookback::test;
using namespace lookback::tools;
using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;

TEST_CASE("the conditional mean and covariance of a mixture are the derivatives of its density") {
  const Index D = 6;
  const GaussianMixture mixture(Eigen::Vector2d(0.3, 0.7), normals(D, 2, 1),
                                {covariance(D, 2), covariance(D, 3)});
  const double sigma = 0.7, step = 1e-4;
  const VectorXd x = normals(D, 1, 4);
  const VectorXd mean = mixture.conditional(x, sigma).overall_mean();
  const MatrixXd cov =
      total_covariance(mixture.conditional(x, sigma), mixture.conditional_covariances(sigma));
  for (Index i = 0; i < D;
       ++i) { // Tweedie: mean = x + sigma^2 score, covariance = sigma^2 d mean/dx
    VectorXd high = x, low = x;
    high[i] += step;
    low[i] -= step;
    const double score =
        (mixture.log_density(high, sigma) - mixture.log_density(low, sigma)) / (2 * step);
    CHECK(mean[i] == doctest::Approx(x[i] + sigma * sigma * score).epsilon(1e-6));
    const VectorXd slope = (mixture.conditional(high, sigma).overall_mean() -
                            mixture.conditional(low, sigma).overall_mean()) /
                           (2 * step);
    CHECK((sigma * sigma * slope - cov.col(i)).norm() < 1e-6);
  }
}

TEST_CASE("expectation maximisation finds the mixture that the data were drawn from") {
  const Index D = 4, N = 20000;
  MatrixXd mean = normals(D, 2, 1);
  mean.col(1) += VectorXd::Constant(D, 6);
  const GaussianMixture truth(Eigen::Vector2d(0.25, 0.75), mean,
                              {covariance(D, 2), covariance(D, 3)});
  const MatrixXd z = normals(D, N, 4);
  MatrixXd data(D, N);
  const Stream uniform{.seed = 5, .purpose = Purpose::split};
  for (Index n = 0; n < N; ++n)
    data.col(n) = truth.draw(z.col(n), uniform.uniform(std::uint64_t(n)));
  const GaussianMixture fit = fit_mixture(data, 2, 1);
  const Index rare = fit.weight()[0] < fit.weight()[1] ? 0 : 1;
  // Errors of means of N samples: below 5 sigma.
  CHECK(std::abs(fit.weight()[rare] - 0.25) < 5 * std::sqrt(0.25 * 0.75 / double(N)));
  CHECK((fit.mean().col(rare) - mean.col(0)).norm() < 5 * std::sqrt(2.0 * D / (0.25 * double(N))));
  CHECK((fit.covariance(1 - rare) - truth.covariance(1)).norm() < 0.1);
  CHECK(std::abs(mean_log_density(fit, data) - mean_log_density(truth, data)) < 0.01);
  set_threads(1);
  const GaussianMixture single = fit_mixture(data, 2, 1);
  set_threads(0);
  CHECK(single.mean() == fit.mean());
  CHECK(single.covariance(0) == fit.covariance(0));
}

// The mean of S draws errs by 1/sqrt(S) of a posterior width, a variance by sqrt(2/S): 5 of these.
TEST_CASE("dkps gives the closed-form posterior of a Gaussian prior and linear data") {
  const Index D = 12, S = 2000;
  const GaussianMixture prior(VectorXd::Ones(1), normals(D, 1, 1), {covariance(D, 2)});
  const LinearData data = linear_data(prior, 8, 10);
  const GaussianMixture exact = exact_posterior(prior, data);
  const MixtureDenoiser denoiser(prior);
  const MatrixXd a = data.jacobian({});
  const VectorXd innovation = data.residual(prior.mean().col(0));
  const double expected_pull =
      innovation.dot((MatrixXd::Identity(8, 8) + a * prior.covariance(0) * a.transpose())
                         .llt()
                         .solve(innovation)) /
      8;
  for (const int levels : {10, 20}) {
    CAPTURE(levels);
    MixtureConditional cov(prior);
    const DkpsDraws draws = sample_dkps(denoiser, cov, data, 0, S, {.levels = levels, .seed = 3});
    for (const LevelReport& level : draws.levels)
      CHECK(level.accepted > 0.999); // the proposal is exact
    // The first level knows nothing of y, so that y - S(m) has its prior's variance.
    CHECK(draws.levels[0].pull == doctest::Approx(expected_pull).epsilon(0.02));
    const Eigen::LLT<MatrixXd> llt(exact.covariance(0));
    const MatrixXd white = llt.matrixL().solve(draws.x.colwise() - exact.mean().col(0));
    const VectorXd mean = white.rowwise().mean();
    CHECK(mean.cwiseAbs().maxCoeff() < 5 / std::sqrt(double(S)));
    const MatrixXd c = white * white.transpose() / double(S);
    CHECK((c - MatrixXd::Identity(D, D)).cwiseAbs().maxCoeff() < 5 * std::sqrt(2.0 / double(S)));
  }
}

TEST_CASE(
    "dkps without information gives the prior, and the denoiser's own Jacobian serves as well") {
  const Index D = 5, S = 1500;
  const GaussianMixture prior(VectorXd::Ones(1), normals(D, 1, 1), {covariance(D, 2)});
  const MixtureDenoiser denoiser(prior);
  JacobianConditional cov(denoiser);
  const LinearData nothing(MatrixXd::Zero(1, D), VectorXd::Zero(1));
  const DkpsDraws draws = sample_dkps(denoiser, cov, nothing, 0, S, {.levels = 20});
  const Eigen::LLT<MatrixXd> llt(prior.covariance(0));
  const MatrixXd white = llt.matrixL().solve(draws.x.colwise() - prior.mean().col(0));
  CHECK(white.rowwise().mean().cwiseAbs().maxCoeff() < 5 / std::sqrt(double(S)));
  const MatrixXd c = white * white.transpose() / double(S);
  CHECK((c - MatrixXd::Identity(D, D)).cwiseAbs().maxCoeff() < 5 * std::sqrt(2.0 / double(S)));
}

// The conditional mixture is exact here, so the bounds are Monte Carlo errors.
TEST_CASE("dkps finds the weights of a mixture posterior") {
  const Index D = 6, S = 2000;
  MatrixXd mean = normals(D, 2, 1);
  const GaussianMixture prior(Eigen::Vector2d(0.4, 0.6), mean,
                              {covariance(D, 2), covariance(D, 3)});
  const LinearData data = linear_data(prior, 2, 20);
  const GaussianMixture exact = exact_posterior(prior, data);
  const MixtureDenoiser denoiser(prior);
  MixtureConditional cov(prior);
  const DkpsDraws draws = sample_dkps(denoiser, cov, data, 0, S, {.levels = 50});
  const VectorXd expected = exact.mean() * exact.weight();
  const VectorXd found = draws.x.rowwise().mean();
  MatrixXd c = MatrixXd::Zero(D, D);
  for (Index k = 0; k < 2; ++k) {
    const VectorXd d = exact.mean().col(k) - expected;
    c += exact.weight()[k] * (exact.covariance(k) + d * d.transpose());
  }
  for (Index i = 0; i < D; ++i)
    CHECK(std::abs(found[i] - expected[i]) < 5 * std::sqrt(c(i, i) / S));
}

TEST_CASE("a dkps chain does not depend on its company or on the number of threads") {
  const Index D = 4;
  const GaussianMixture prior(VectorXd::Ones(1), normals(D, 1, 1), {covariance(D, 2)});
  const LinearData data = linear_data(prior, 3, 30);
  const MixtureDenoiser denoiser(prior);
  MixtureConditional cov(prior);
  const DkpsOptions o{.levels = 10, .seed = 4};
  const MatrixXd all = sample_dkps(denoiser, cov, data, 0, 7, o).x;
  set_threads(1);
  const MatrixXd some = sample_dkps(denoiser, cov, data, 5, 2, o).x;
  set_threads(0);
  CHECK(all.rightCols(2) == some);
}

TEST_CASE("noise levels fall from the first to the last in Karras's spacing") {
  const std::vector<double> s = karras_levels(16, 0.001, 3);
  CHECK(s[0] == doctest::Approx(16));
  CHECK(s[1] == doctest::Approx(std::pow((std::pow(16, 1 / 7.) + std::pow(0.001, 1 / 7.)) / 2, 7)));
  CHECK(s[2] == doctest::Approx(0.001));
  CHECK(contains(message([] { karras_levels(16, 0.001, 1); }), "at least 2"));
}

// A Gaussian at the maximum leaves the sheet: its draws would miss these data by |r|^2 of hundreds.
TEST_CASE("draws given a noise level that says nothing follow a thin bent sheet of data") {
  constexpr double sigma = 1e4;
  const Index S = 2000;
  const Bent data;
  IsotropicConditional conditional(2); // N(0, 1) at such a sigma
  const MatrixXd nothing = MatrixXd::Zero(2, S);
  LevelReport report;
  const MatrixXd x = conditional_draws(conditional, data, nothing, nothing, 0, sigma, 0,
                                       {.moves = 20, .seed = 3}, &report);
  CHECK(report.accepted > 0.3);
  VectorXd found = VectorXd::Zero(8);
  for (Index n = 0; n < S; ++n) {
    CHECK(data.residual(x.col(n)).squaredNorm() < 40); // chance 2e-9 for two numbers
    found += moments(x.col(n)) / double(S);
  }
  const VectorXd exact = by_quadrature([](const MatrixXd& z) { return z; }, data);
  for (Index i = 0; i < 4; ++i) {
    CAPTURE(i);
    const double width = std::sqrt(exact[4 + i] - exact[i] * exact[i]);
    CHECK(std::abs(found[i] - exact[i]) < 4 * width / std::sqrt(double(S)));
  }
}
