#include "tools/inference/mixture_of_draws.hpp"

#include "tools/inference/chains.hpp"
#include "tools/inference/gaussian_mixture.hpp"

namespace lookback::tools {

nn::Mixture mixture_of_draws(const nn::Prior& prior, std::int64_t components, std::int64_t draws,
                             std::uint64_t seed) {
  constexpr int levels = 25, iterations = 60;
  constexpr double floor = 0.02; // standard deviation: no direction of few draws is narrower
  const ChainOptions o{.count = draws, .steps = levels, .seed = seed};
  Eigen::MatrixXd x(prior.length * prior.config.channels, draws);
  for (std::int64_t first = 0; first < draws; first += o.batch) {
    const std::int64_t count = std::min(o.batch, draws - first);
    x.middleCols(first, count) = heun_draws(prior, o, first, count, [] {});
  }
  return stored(fit_mixture(x, components, seed, iterations, floor * floor));
}

} // namespace lookback::tools
