#include "tools/inference/latent.hpp"

#include "tests/inference/bent_case.hpp"
#include "tests/inference/gaussian_case.hpp"

#include <Eigen/Cholesky>
#include <Eigen/Eigenvalues>

#include <cmath>
#include <doctest/doctest.h>

using namespace lookback;
using namespace lookback::test;
using namespace lookback::tools;
using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;

namespace {

GaussianMixture gaussian(Index D) {
  return {VectorXd::Ones(1), normals(D, 1, 1), {covariance(D, 2)}};
}

GaussianMixture two_gaussians(Index D) {
  return {Eigen::Vector2d(0.3, 0.7), normals(D, 2, 1), {covariance(D, 2), covariance(D, 3)}};
}

} // namespace

// In the eigenvectors of C the ODE scales x - m by sqrt((c + sigma_min^2)/(c + sigma_max^2)).
// Heun's error falls with the square of the number of levels.
TEST_CASE("the flow map of a Gaussian is linear and known in the limit of many levels") {
  const Index D = 5;
  const GaussianMixture prior = gaussian(D);
  const MixtureDenoiser denoiser(prior);
  const Eigen::SelfAdjointEigenSolver<MatrixXd> eigen(prior.covariance(0));
  const VectorXd scale =
      eigen.eigenvalues().unaryExpr([](double c) { return std::sqrt((c + 1e-6) / (c + 256)); });
  const MatrixXd z = normals(D, 7, 20), &v = eigen.eigenvectors();
  const VectorXd m = prior.mean().col(0);
  const MatrixXd from_mean = (16 * z).colwise() - m;
  const MatrixXd exact = (v * scale.asDiagonal() * v.transpose() * from_mean).colwise() + m;
  const auto error = [&](int levels) {
    return (FlowMap(denoiser, 16, 0.001, levels).forward(z) - exact).cwiseAbs().maxCoeff();
  };
  CHECK(error(2000) < 1e-5);
  CHECK(error(250) / error(500) == doctest::Approx(4).epsilon(0.1));
}

// What Heun's method errs by there and back is the same to second order.
TEST_CASE("the inverse of the flow map undoes it to the error of its steps") {
  const Index D = 6;
  const MixtureDenoiser denoiser(two_gaussians(D));
  const MatrixXd z = normals(D, 8, 20);
  const auto error = [&](int levels) {
    const FlowMap map(denoiser, 16, 0.001, levels);
    return (map.inverse(map.forward(z)) - z).cwiseAbs().maxCoeff();
  };
  CHECK(error(1000) < 1e-4);
  CHECK(error(500) / error(1000) == doctest::Approx(8).epsilon(0.1));
}

TEST_CASE("the pull-back of the flow map is the derivative of its steps") {
  const Index D = 4;
  const MixtureDenoiser denoiser(two_gaussians(D));
  // Few levels, so that the ODE's own derivative is another; far from sigma = 0, where the 1e-6 of
  // a weight that the mixture's derivative leaves out would show.
  const FlowMap map(denoiser, 16, 0.1, 6);
  const MatrixXd z = normals(D, 2, 20), u = normals(D, 6, 21);
  FlowMap::Path path;
  CHECK(map.forward(z, &path) == map.forward(z));
  const MatrixXd pulled = map.pull_back(path, u); // three vectors for each z
  const double step = 1e-6;
  for (Index n = 0; n < 2; ++n)
    for (Index i = 0; i < D; ++i) {
      MatrixXd both = z.col(n).replicate(1, 2);
      both(i, 0) += step;
      both(i, 1) -= step;
      const MatrixXd x = map.forward(both);
      const VectorXd slope = (x.col(0) - x.col(1)) / (2 * step);
      for (Index k = 3 * n; k < 3 * n + 3; ++k)
        CHECK(pulled(i, k) == doctest::Approx(slope.dot(u.col(k))).epsilon(1e-6));
    }
}

// x(z) = c + M z whatever the number of levels. The mean of S chains errs by 1/sqrt(S) of a
// posterior width, a variance by sqrt(2/S): 5 of these.
TEST_CASE("latent chains of linear data are draws from the closed-form posterior") {
  const Index D = 6, S = 1500;
  const GaussianMixture prior = gaussian(D);
  const MixtureDenoiser denoiser(prior);
  const LinearData data = linear_data(prior, 4, 10);
  const FlowMap map(denoiser, 16, 0.001, 8);
  const LatentSpace space(map, data);
  const VectorXd c = map.forward(VectorXd::Zero(D));
  const MatrixXd m = map.forward(MatrixXd::Identity(D, D)).colwise() - c;
  const MatrixXd j = data.jacobian({}) * m;
  const Eigen::LLT<MatrixXd> precision(MatrixXd::Identity(D, D) + j.transpose() * j);
  const VectorXd mean = precision.solve(j.transpose() * data.residual(c));
  int kept = 0;
  const LatentOptions o{.moves = 10, .seed = 5};
  const LatentDraws draws =
      latent_moves(space, MatrixXd::Zero(D, S), 0, o, [&](const MatrixXd&) { ++kept; });
  CHECK(kept == 5);
  CHECK(draws.accepted == doctest::Approx(1).epsilon(0.01)); // W is constant
  CHECK((draws.x - map.forward(draws.z)).cwiseAbs().maxCoeff() < 1e-12);
  const MatrixXd white = MatrixXd(precision.matrixU()) * (draws.z.colwise() - mean);
  CHECK(white.rowwise().mean().cwiseAbs().maxCoeff() < 5 / std::sqrt(double(S)));
  const MatrixXd found = white * white.transpose() / double(S);
  CHECK((found - MatrixXd::Identity(D, D)).cwiseAbs().maxCoeff() < 5 * std::sqrt(2.0 / double(S)));
}

TEST_CASE("latent chains follow a thin bent sheet of data, as quadrature finds it") {
  const Index S = 150;
  const GaussianMixture prior(Eigen::Vector2d(0.4, 0.6), normals(2, 2, 1),
                              {covariance(2, 2), covariance(2, 3)});
  const MixtureDenoiser denoiser(prior);
  const FlowMap map(denoiser, 16, 0.001, 5);
  const Bent data;
  const LatentSpace space(map, data);
  const LatentDraws draws =
      latent_moves(space, space.start(0.3 * normals(2, S, 30)), 0, {.moves = 16, .seed = 2});
  CHECK(draws.accepted > 0.3);
  VectorXd found = VectorXd::Zero(8);
  for (Index n = 0; n < S; ++n) found += moments(draws.x.col(n)) / double(S);
  const VectorXd exact = by_quadrature([&](const MatrixXd& z) { return map.forward(z); }, data);
  for (Index i = 0; i < 4; ++i) {
    CAPTURE(i);
    const double width = std::sqrt(exact[4 + i] - exact[i] * exact[i]);
    CHECK(std::abs(found[i] - exact[i]) < 4 * width / std::sqrt(double(S)));
  }
}

TEST_CASE("a start in the latent space fits data that the inverse of the map misses") {
  const Index D = 6, S = 5;
  const GaussianMixture prior = two_gaussians(D);
  const MixtureDenoiser denoiser(prior);
  const LinearData data = linear_data(prior, 3, 10);
  const FlowMap map(denoiser, 16, 0.001, 8);
  const LatentSpace space(map, data);
  const MatrixXd x = normals(D, S, 40), begin = map.forward(space.start(x));
  for (Index n = 0; n < S; ++n) CHECK(data.residual(begin.col(n)).norm() < 5);
}

TEST_CASE("a latent chain does not depend on its company") {
  const Index D = 5;
  const MixtureDenoiser denoiser(two_gaussians(D));
  const LinearData data = linear_data(two_gaussians(D), 3, 10);
  const FlowMap map(denoiser, 16, 0.001, 6);
  const LatentSpace space(map, data);
  const MatrixXd z = normals(D, 6, 50);
  const LatentOptions o{.moves = 6, .seed = 4};
  const MatrixXd all = latent_moves(space, z, 0, o).x;
  CHECK(latent_moves(space, z.rightCols(2), 4, o).x == all.rightCols(2));
}
