#include "tools/inference/mixture_of_draws.hpp"

#include "tools/inference/chains.hpp"
#include "tools/inference/gaussian_mixture.hpp"

#include <doctest/doctest.h>

using namespace lookback;
using namespace lookback::tools;

TEST_CASE("the mixture of a prior is that of what its network draws, for any number of threads") {
  nn::Prior prior;
  prior.config.channels = 2;
  prior.config.nf = 8;
  prior.config.ch_mult = {1, 2};
  prior.config.num_res_blocks = 1;
  prior.config.preconditioned = true;
  prior.length = 4;
  prior.network = std::make_unique<nn::Ncsnpp>(prior.config, cpu_backend());
  prior.network->params().initialise(3);
  const std::int64_t draws = 300;
  const nn::Mixture stored = mixture_of_draws(prior, 1, draws, 9);
  // One Gaussian has the moments of the draws, and the floor on its diagonal.
  const Eigen::MatrixXd x =
      heun_draws(prior, {.count = draws, .steps = 25, .seed = 9}, 0, draws, [] {});
  const Eigen::VectorXd mean = x.rowwise().mean();
  const Eigen::MatrixXd d = x.colwise() - mean;
  Eigen::MatrixXd covariance = d * d.transpose() / double(draws);
  covariance.diagonal().array() += 0.02 * 0.02;
  CHECK((Eigen::VectorXd::Map(stored.mean.data(), 8) - mean).norm() < 1e-10);
  CHECK((Eigen::MatrixXd::Map(stored.covariance.data(), 8, 8) - covariance).norm() <
        1e-10 * covariance.norm());
  CHECK(mixture_of_draws(prior, 3, draws, 9).mean == mixture_of_draws(prior, 3, draws, 9).mean);
  CHECK_THROWS_AS(mixture_of_draws(prior, 8, 15, 9), Error);
}
