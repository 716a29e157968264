// Closed forms for linear data: the posterior of a mixture, and the most probable x.
#include "tools/inference/exact_mixture.hpp"

#include "tests/inference/gaussian_case.hpp"
#include "tools/inference/most_probable.hpp"

#include <Eigen/LU>

#include <cmath>
#include <doctest/doctest.h>

using namespace lookback;
using namespace lookback::test;
using namespace lookback::tools;
using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;

namespace {

constexpr Index D = 5, size = 3;

GaussianMixture mixture() {
  return {Eigen::Vector3d(0.2, 0.5, 0.3),
          normals(D, 3, 1),
          {covariance(D, 2), covariance(D, 3), covariance(D, 4)}};
}

LinearData data() {
  return {3 * normals(size, D, 5), normals(size, 1, 6)};
}

} // namespace

TEST_CASE("the closed-form posterior is the prior times the likelihood, up to one factor") {
  const LinearData y = data();
  const GaussianMixture prior = mixture(), posterior = exact_posterior(prior, y);
  const auto log_factor = [&](const VectorXd& x) {
    return prior.log_density(x, 0) - 0.5 * y.residual(x).squaredNorm() -
           posterior.log_density(x, 0);
  };
  const double expected = log_factor(VectorXd::Zero(D));
  for (std::uint32_t k = 0; k < 20; ++k) // points inside and far outside of all components
    CHECK(log_factor(0.3 * k * normals(D, 1, 100 + k)) == doctest::Approx(expected).epsilon(1e-9));
}

TEST_CASE("without information the closed-form posterior is the prior") {
  const GaussianMixture prior = mixture();
  const GaussianMixture same =
      exact_posterior(prior, LinearData(MatrixXd::Zero(1, D), VectorXd::Zero(1)));
  CHECK((same.weight() - prior.weight()).norm() < 1e-12);
  CHECK((same.mean() - prior.mean()).norm() < 1e-12);
  CHECK((same.covariance(1) - prior.covariance(1)).norm() < 1e-12);
}

// The mean of S draws errs by the widths over sqrt(S): 5 of these.
TEST_CASE("draws of a mixture have its mean, and a draw does not depend on how many there are") {
  constexpr Index S = 4000;
  const GaussianMixture m = mixture();
  const MatrixXd x = draws_of(m, S, 3);
  CHECK(draws_of(m, 10, 3) == x.leftCols(10));
  const VectorXd mean = m.mean() * m.weight(), found = x.rowwise().mean();
  const VectorXd width = ((x.colwise() - found).rowwise().squaredNorm() / double(S)).cwiseSqrt();
  for (Index i = 0; i < D; ++i)
    CHECK(std::abs(found[i] - mean[i]) < 5 * width[i] / std::sqrt(double(S)));
}

TEST_CASE("the most probable x of linear data is the ridge solution") {
  const LinearData y = data();
  const VectorXd zero = VectorXd::Zero(D);
  const MatrixXd a = y.jacobian(zero);
  const MatrixXd normal = MatrixXd::Identity(D, D) + a.transpose() * a;
  const VectorXd expected = normal.inverse() * a.transpose() * y.residual(zero);
  CHECK((most_probable(y, D) - expected).norm() < 1e-10);
}

// S_i = sinh(x_i) is as nonlinear as rates below their floor are.
TEST_CASE("the most probable x of nonlinear data has no slope left") {
  class Sinh : public WhitenedData {
  public:
    Index size() const override { return D; }
    VectorXd residual(const VectorXd& x) const override {
      return (VectorXd::LinSpaced(D, -300, 300).array() - x.array().sinh()).matrix();
    }
    MatrixXd jacobian(const VectorXd& x) const override {
      return x.array().cosh().matrix().asDiagonal();
    }
  };
  const Sinh y;
  const VectorXd x = most_probable(y, D);
  const VectorXd slope = y.jacobian(x).transpose() * y.residual(x) - x;
  const VectorXd curvature = y.jacobian(x).diagonal().array().square() + 1;
  // It stops where a step gains less than 1e-6: half the squared slope over the curvature.
  CHECK((slope.array().square() / curvature.array()).sum() < 1e-5);
}
