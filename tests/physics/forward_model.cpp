#include "physics/forward_model.hpp"

#include "engine/error.hpp"
#include "physics/basis.hpp"
#include "physics/history_weights.hpp"
#include "physics/resampling.hpp"
#include "tests/physics/galaxies.hpp"

#include <doctest/doctest.h>

using namespace lookback;
using namespace lookback::physics;
using Eigen::MatrixXd;
using test::uniform;

namespace {

constexpr double adjoint_tolerance = 1e-12;
constexpr double slope_tolerance = 1e-8; // rounding of values of order 100 over a step of 1e-5

// Rates of 0 .. 5 Msun/yr above metallicities that avoid the nodes' kinks by more than a step.
MatrixXd histories(Eigen::Index bins, Eigen::Index n) {
  MatrixXd x(2 * bins, n);
  x.topRows(bins) = uniform(bins, n, 0, 5, 11);
  x.bottomRows(bins) = uniform(bins, n, -0.39, 0.29, 12);
  return x;
}

HistoryWeights small_weights() {
  return {9, 6, Eigen::VectorXd{{-1.5, -0.4, 0.3}}};
}

Resampler small_resampler() {
  return {ResamplingRule::linear, Eigen::VectorXd::LinSpaced(30, 1, 2),
          std::vector{0.5, 1.01, 1.012, 1.5, 1.9, 2.5}};
}

class WrongTranspose : public Scaling {
public:
  using Scaling::Scaling;
  MatrixXd transpose(const MatrixXd& y) const override { return 1.0001 * apply(y); }
};

class MissingTerm : public HistoryWeights {
public:
  using HistoryWeights::HistoryWeights;
  MatrixXd jvp(const MatrixXd& x, const MatrixXd& d) const override {
    MatrixXd rates_only = d;
    rates_only.bottomRows(d.rows() / 2).setZero();
    return HistoryWeights::jvp(x, rates_only);
  }
};

} // namespace

TEST_CASE("each stage's two Jacobian products are adjoint") {
  const MatrixXd x = histories(9, 5);
  CHECK(test::adjoint_error(small_weights(), x) < adjoint_tolerance);
  CHECK(test::adjoint_error(small_resampler(), uniform(30, 3, 0, 1, 5)) < adjoint_tolerance);
  CHECK(test::adjoint_error(Basis(uniform(40, 18, 0, 1, 6)), uniform(18, 70, -1, 1, 7)) <
        adjoint_tolerance);
  CHECK(test::adjoint_error(Scaling(uniform(10, 1, 0, 2, 8)), uniform(10, 2, -1, 1, 9)) <
        adjoint_tolerance);
}

TEST_CASE("each stage's Jacobian product is the slope of its value") {
  CHECK(test::slope_error(small_weights(), histories(9, 5)) < slope_tolerance);
  CHECK(test::slope_error(small_resampler(), uniform(30, 3, 0, 1, 5)) < slope_tolerance);
  CHECK(test::slope_error(Basis(uniform(40, 18, 0, 1, 6)), uniform(18, 70, -1, 1, 7)) <
        slope_tolerance);
  CHECK(test::slope_error(Scaling(uniform(10, 1, 0, 2, 8)), uniform(10, 2, -1, 1, 9)) <
        slope_tolerance);
}

TEST_CASE("the checks of stages reject a transpose off by 1e-4 and a missing term") {
  CHECK(test::adjoint_error(WrongTranspose(uniform(10, 1, 1, 2, 8)), uniform(10, 1, 0, 1, 9)) >
        1e-6);
  const MissingTerm missing(9, 6, Eigen::VectorXd{{-1.5, -0.4, 0.3}});
  CHECK(test::slope_error(missing, histories(9, 1)) > 1e-2);
}

TEST_CASE("weights of a history share each rate between two metallicities") {
  const HistoryWeights weights(2, 1, Eigen::VectorXd{{-1, 0, 1}});
  const MatrixXd w = weights.value(Eigen::VectorXd{{8, 5, 0.25, 0}});
  CHECK(w == Eigen::VectorXd{{0, 6, 2}}); // bin 1 has not formed
}

TEST_CASE("a chain is its stages one after the other, in value and derivatives") {
  const auto weights = std::make_shared<HistoryWeights>(small_weights());
  const auto basis = std::make_shared<Basis>(uniform(30, 18, 0, 1, 6));
  const auto resampler = std::make_shared<Resampler>(small_resampler());
  const Chain chain({weights, basis, resampler});
  const MatrixXd x = histories(9, 4);
  CHECK(chain.value(x) == resampler->apply(basis->apply(weights->value(x))));
  CHECK(test::adjoint_error(chain, x) < adjoint_tolerance);
  CHECK(test::slope_error(chain, x) < slope_tolerance);
  CHECK_THROWS_AS(Chain({basis, weights}), Error);
}

TEST_CASE("a Jacobian is the same from columns and from rows") {
  const auto weights = std::make_shared<HistoryWeights>(small_weights());
  const Eigen::VectorXd x = histories(9, 1);
  const Chain tall({weights, std::make_shared<Basis>(uniform(30, 18, 0, 1, 6))});
  const Chain wide({weights, std::make_shared<Basis>(uniform(4, 18, 0, 1, 6))});
  for (const Chain* chain : {&tall, &wide}) {
    const MatrixXd j = chain->jacobian(x), d = uniform(18, 1, -1, 1, 13);
    CHECK(j.rows() == chain->outputs());
    CHECK((j * d).isApprox(chain->jvp(x, d), 1e-13));
  }
}
