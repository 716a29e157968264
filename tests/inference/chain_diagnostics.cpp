#include "tools/inference/chain_diagnostics.hpp"

#include "engine/error.hpp"
#include "tests/inference/gaussian_case.hpp"

#include <cmath>
#include <doctest/doctest.h>

using namespace lookback;
using namespace lookback::test;
using namespace lookback::tools;
using Eigen::MatrixXd;

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
