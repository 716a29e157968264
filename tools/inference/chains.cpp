#include "tools/inference/chains.hpp"

#include "tools/inference/denoiser.hpp"
#include "tools/inference/dkps.hpp"
#include "tools/inference/history_at.hpp"

namespace lookback::tools {

Eigen::MatrixXd histories_in_batches(
    const nn::Prior& prior, const ChainOptions& o,
    const std::function<Eigen::MatrixXd(std::int64_t first, std::int64_t count)>& draw) {
  require(prior.config.channels == 2, "sample: the prior has ", prior.config.channels,
          " channels; expected 2 (SFR, log Z)");
  const Eigen::Index rows = 2 * prior.length;
  Eigen::MatrixXd histories;
  for (std::int64_t first = 0; first < o.count; first += o.batch) {
    const std::int64_t count = std::min(o.batch, o.count - first);
    const Eigen::MatrixXd x = draw(first, count);
    histories.conservativeResize(x.rows(), o.count);
    for (Eigen::Index n = 0; n < count; ++n) {
      histories.col(first + n) << history_at(x.col(n), prior.normalization),
          x.col(n).tail(x.rows() - rows);
    }
  }
  return histories;
}

Eigen::MatrixXd heun_draws(const nn::Prior& prior, const ChainOptions& o, std::int64_t first,
                           std::int64_t count, const std::function<void()>& step_done) {
  const NetworkDenoiser denoiser(prior);
  const std::vector<double> sigma =
      karras_levels(prior.sde.sigma_max, prior.sde.sigma_min, o.steps);
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
}

Eigen::MatrixXd run_heun(const nn::Prior& prior, const ChainOptions& o,
                         const std::function<void()>& step_done) {
  return histories_in_batches(prior, o, [&](std::int64_t first, std::int64_t count) {
    return heun_draws(prior, o, first, count, step_done);
  });
}

namespace {

// Calls f(x, noise) for the batches of chains, x ~ N(0, sigma_max^2); the draws that it returns
// become histories.
template <class F>
Eigen::MatrixXd reverse_sde(const nn::Prior& prior, const ChainOptions& o, F&& f) {
  Backend& backend = prior.network->params().flat().backend();
  return histories_in_batches(prior, o, [&](std::int64_t first, std::int64_t count) {
    const Tensor x({count, prior.length, prior.config.channels}, DType::f32, backend);
    Stream stream{.seed = o.seed, .purpose = Purpose::sampler_start, .draw = std::uint32_t(first)};
    backend.normal(stream, x);
    backend.scale(prior.sde.sigma_max, x, {x, false});
    stream.purpose = Purpose::sampler_step;
    const std::vector<double> draws = f(x, stream).numbers();
    return Eigen::MatrixXd(
        Eigen::MatrixXd::Map(draws.data(), Eigen::Index(draws.size()) / count, count));
  });
}

} // namespace

Eigen::MatrixXd run_prior(const nn::Prior& prior, const ChainOptions& o,
                          const std::function<void()>& step_done) {
  return reverse_sde(prior, o, [&](const Tensor& x, const Stream& noise) {
    return nn::sample_prior(*prior.network, prior.sde, x, o.steps, noise,
                            [&](int, const Tensor&) { step_done(); });
  });
}

Eigen::MatrixXd run_chains(const nn::Prior& prior, const nn::Score& score, const ChainOptions& o,
                           const std::function<void()>& step_done) {
  return reverse_sde(prior, o, [&](const Tensor& x, const Stream& stream) {
    const nn::Noise noise = [&](int step) {
      const Tensor z = empty_like(x);
      Stream of_step = stream;
      of_step.step = std::uint32_t(step);
      x.backend().normal(of_step, z);
      return z;
    };
    return nn::euler_maruyama(score, prior.sde, x, o.steps, noise,
                              [&](int, const Tensor&) { step_done(); });
  });
}

} // namespace lookback::tools
