#include "tools/inference/chains.hpp"

#include "tools/inference/spectrum_likelihood.hpp"

namespace lookback::tools {

Eigen::MatrixXd run_chains(const nn::Prior& prior, const nn::Score& score, const ChainOptions& o,
                           const std::function<void()>& step_done) {
  Backend& backend = prior.network->params().flat().backend();
  const std::int64_t L = prior.length, C = prior.config.channels;
  require(C == 2, "sample: the prior has ", C, " channels; expected 2 (SFR, log Z)");
  Eigen::MatrixXd histories(2 * L, o.count);
  for (std::int64_t first = 0; first < o.count; first += o.batch) {
    const std::int64_t B = std::min(o.batch, o.count - first);
    const Stream start{
        .seed = o.seed, .purpose = Purpose::sampler_start, .draw = std::uint32_t(first)};
    Tensor x({B, L, C}, DType::f32, backend);
    backend.normal(start, x);
    backend.scale(prior.sde.sigma_max, x, {x, false});
    const nn::Noise noise = [&](int step) {
      const Tensor z = empty_like(x);
      backend.normal({.seed = o.seed,
                      .purpose = Purpose::sampler_step,
                      .draw = start.draw,
                      .step = std::uint32_t(step)},
                     z);
      return z;
    };
    const Tensor draws = nn::euler_maruyama(score, prior.sde, x, o.steps, noise,
                                            [&](int, const Tensor&) { step_done(); });
    histories.middleCols(first, B) = physical_histories(draws, prior.normalization);
  }
  return histories;
}

} // namespace lookback::tools
