#include "tools/inference/langevin.hpp"

#include "engine/random.hpp"
#include "tests/inference/gaussian_case.hpp"

#include <Eigen/Cholesky>
#include <Eigen/LU>

#include <cmath>
#include <doctest/doctest.h>

using namespace lookback;
using namespace lookback::test;
using namespace lookback::tools;
using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;

// The chains begin at one wrong point, so that only the moves can bring them to the answer.
TEST_CASE("Langevin moves bring chains to the posterior from anywhere") {
  const Index D = 5, S = 1500;
  const GaussianMixture prior(VectorXd::Ones(1), normals(D, 1, 1), {covariance(D, 2)});
  const MixtureDenoiser denoiser(prior);
  const LinearData data = linear_data(prior, 3, 10);
  const LangevinOptions o{.sigma = 0.3, .moves = 120, .seed = 5};
  const MatrixXd smoothed = prior.covariance(0) + 0.09 * MatrixXd::Identity(D, D);
  const MatrixXd a = data.jacobian({});
  const MatrixXd c = (smoothed.inverse() + a.transpose() * a).inverse();
  const VectorXd mean = c * (smoothed.inverse() * prior.mean().col(0) +
                             a.transpose() * data.residual(VectorXd::Zero(D)));
  const MatrixXd metric = local_covariance(denoiser, data, normals(D, 1, 20), o.sigma);
  CHECK((metric - c).norm() < 1e-8 * c.norm());
  int kept = 0;
  const LangevinDraws draws =
      langevin_moves(denoiser, data, MatrixXd::Zero(D, S), std::vector(S, metric), 0, o,
                     [&](const MatrixXd&) { ++kept; });
  CHECK(draws.accepted == doctest::Approx(0.57).epsilon(0.1));
  const Eigen::LLT<MatrixXd> llt(c);
  const MatrixXd white = llt.matrixL().solve(draws.x.colwise() - mean);
  CHECK(white.rowwise().mean().cwiseAbs().maxCoeff() < 5 / std::sqrt(double(S)));
  const MatrixXd found = white * white.transpose() / double(S);
  CHECK((found - MatrixXd::Identity(D, D)).cwiseAbs().maxCoeff() < 5 * std::sqrt(2.0 / double(S)));
  CHECK(kept == 60);
  const MatrixXd some =
      langevin_moves(denoiser, data, MatrixXd::Zero(D, 2), std::vector(2, metric), S - 2, o).x;
  CHECK(some == draws.x.rightCols(2)); // whatever the company
}

namespace {

// Chains of x_i = rho x_{i-1} + sqrt(1 - rho^2) z, the first from N(0, 1).
std::vector<std::vector<double>> autoregressive(int chains, int moves, double rho, double apart) {
  std::vector<std::vector<double>> all;
  for (int c = 0; c < chains; ++c) {
    const MatrixXd z = normals(moves, 1, 100 + std::uint32_t(c));
    std::vector<double> x{z(0)};
    for (int i = 1; i < moves; ++i) x.push_back(rho * x.back() + std::sqrt(1 - rho * rho) * z(i));
    for (double& each : x) each += apart * c;
    all.push_back(x);
  }
  return all;
}

} // namespace

// An AR(1) chain has the integrated autocorrelation time (1 + rho)/(1 - rho); its estimate from
// 8 x 4,000 moves errs by some 5 %.
TEST_CASE("the effective number of draws is that of an autoregressive chain") {
  for (const double rho : {0.0, 0.5, 0.9}) {
    CAPTURE(rho);
    const double expected = 8 * 4000 * (1 - rho) / (1 + rho);
    CHECK(effective_draws(autoregressive(8, 4000, rho, 0)) ==
          doctest::Approx(expected).epsilon(0.15));
  }
}

TEST_CASE("R-hat is 1 for chains of one distribution and tells chains that stay apart") {
  CHECK(split_r_hat(autoregressive(8, 1000, 0, 0)) == doctest::Approx(1).epsilon(0.01));
  // Four chains with means 0, 3, 6, 9 of variance 15 about their mean: sqrt(1 + 15).
  CHECK(split_r_hat(autoregressive(4, 1000, 0, 3)) == doctest::Approx(4).epsilon(0.2));
  CHECK_THROWS_WITH_AS(split_r_hat({{1, 2, 3, 4}}), doctest::Contains("at least 2"), Error);
}
