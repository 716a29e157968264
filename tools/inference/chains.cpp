#include "tools/inference/chains.hpp"

#include "tools/inference/denoiser.hpp"
#include "tools/inference/spectrum_likelihood.hpp"

namespace lookback::tools {
namespace {

void require_histories(const nn::Prior& prior) {
  require(prior.config.channels == 2, "sample: the prior has ", prior.config.channels,
          " channels; expected 2 (SFR, log Z)");
}

// Calls f(first, count) for the batches of chains; x [D, count] it returns becomes histories.
template <class F>
Eigen::MatrixXd in_batches(const nn::Prior& prior, const ChainOptions& o, F&& f) {
  require_histories(prior);
  Eigen::MatrixXd histories(2 * prior.length, o.count);
  for (std::int64_t first = 0; first < o.count; first += o.batch) {
    const std::int64_t count = std::min(o.batch, o.count - first);
    const Eigen::MatrixXd x = f(first, count);
    for (Eigen::Index n = 0; n < count; ++n) {
      const auto h =
          nn::history_of({x.col(n).data(), std::size_t(x.rows())}, prior.normalization, 2);
      histories.col(first + n) = Eigen::VectorXd::Map(h.data(), x.rows());
    }
  }
  return histories;
}

} // namespace

Eigen::MatrixXd run_heun(const nn::Prior& prior, const ChainOptions& o,
                         const std::function<void()>& step_done) {
  const NetworkDenoiser denoiser(prior);
  const std::vector<double> sigma =
      karras_levels(prior.sde.sigma_max, prior.sde.sigma_min, o.steps);
  return in_batches(prior, o, [&](std::int64_t first, std::int64_t count) {
    Eigen::MatrixXd x = starting_noise(denoiser.dimension(), sigma[0], o.seed, first, count);
    for (std::size_t i = 0; i + 1 < sigma.size(); ++i) {
      const double step = sigma[i + 1] - sigma[i];
      const Eigen::MatrixXd slope = (x - denoiser.mean(x, sigma[i])) / sigma[i];
      const Eigen::MatrixXd next = x + step * slope;
      x += 0.5 * step * (slope + (next - denoiser.mean(next, sigma[i + 1])) / sigma[i + 1]);
      require(x.allFinite(), "sampling: a value at noise level ", sigma[i], " is not finite");
      step_done();
    }
    step_done();
    return denoiser.mean(x, sigma.back());
  });
}

Eigen::MatrixXd run_dkps(const nn::Prior& prior, ConditionalPrior& conditional,
                         const WhitenedData& data, const DkpsOptions& dkps, const ChainOptions& o,
                         std::vector<double>& accepted, const std::function<void()>& step_done) {
  const NetworkDenoiser denoiser(prior);
  DkpsOptions options = dkps;
  options.sigma_max = prior.sde.sigma_max;
  options.sigma_min = prior.sde.sigma_min;
  options.levels = o.steps;
  options.seed = o.seed;
  accepted.assign(std::size_t(o.steps), 0);
  return in_batches(prior, o, [&](std::int64_t first, std::int64_t count) {
    const DkpsDraws draws =
        sample_dkps(denoiser, conditional, data, first, count, options, step_done);
    for (std::size_t i = 0; i < accepted.size(); ++i)
      accepted[i] += draws.accepted[i] * double(count) / double(o.count);
    return draws.x;
  });
}

Eigen::MatrixXd run_chains(const nn::Prior& prior, const nn::Score& score, const ChainOptions& o,
                           const std::function<void()>& step_done) {
  Backend& backend = prior.network->params().flat().backend();
  const std::int64_t L = prior.length, C = prior.config.channels;
  require_histories(prior);
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
