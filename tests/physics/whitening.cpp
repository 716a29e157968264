#include "physics/whitening.hpp"

#include "engine/error.hpp"
#include "physics/gaussian_likelihood.hpp"
#include "tests/physics/galaxies.hpp"

#include <doctest/doctest.h>

using namespace lookback;
using namespace lookback::physics;
using Eigen::MatrixXd;
using Eigen::VectorXd;

namespace {

const VectorXd variance = test::uniform(40, 1, 0.5, 2, 1);
const MatrixXd modes = test::uniform(40, 3, -10, 10, 3); // well above the noise
const MatrixXd residuals = test::uniform(40, 4, -3, 3, 4);

} // namespace

TEST_CASE("whitened residuals are independent with variance 1") {
  const Whitening w(variance, modes);
  const MatrixXd covariance = MatrixXd(variance.asDiagonal()) + modes * modes.transpose();
  const MatrixXd matrix = w.apply(MatrixXd::Identity(40, 40));
  CHECK((matrix * covariance * matrix.transpose()).isIdentity(1e-12));
}

TEST_CASE("the square of a whitened residual is the chi2 of the dense covariance") {
  const Whitening w(variance, modes);
  const GaussianLikelihood likelihood(variance, {}, modes);
  const MatrixXd solved = likelihood.solve(residuals, 0);
  CHECK(w.transpose(w.apply(residuals)).isApprox(solved, 1e-12));
  for (Eigen::Index n = 0; n < residuals.cols(); ++n)
    CHECK(w.apply(residuals).col(n).squaredNorm() ==
          doctest::Approx(residuals.col(n).dot(solved.col(n))).epsilon(1e-12));
}

TEST_CASE("without modes whitening divides by the errors") {
  const VectorXd expected = residuals.col(0).array() / variance.array().sqrt();
  CHECK(Whitening(variance).apply(residuals).col(0).isApprox(expected, 1e-15));
}

TEST_CASE("whitening's products are adjoint, and a column has the same bits alone") {
  const Whitening w(variance, modes);
  CHECK(test::adjoint_error(w, residuals) < 1e-13);
  for (Eigen::Index n = 0; n < residuals.cols(); ++n)
    CHECK(w.apply(residuals.col(n)) == w.apply(residuals).col(n));
}

TEST_CASE("whitening refuses variances that are not positive and modes of other sizes") {
  CHECK_THROWS_AS(Whitening(VectorXd{{1, 0}}), Error);
  CHECK_THROWS_AS(Whitening(VectorXd{}), Error);
  CHECK_THROWS_AS(Whitening(VectorXd{{1, 1}}, MatrixXd::Ones(3, 1)), Error);
  CHECK_THROWS_AS(Whitening(VectorXd{{1, 1}}, MatrixXd::Constant(2, 1, NAN)), Error);
}
