#include "tools/quality/prior_likelihood.hpp"

#include "engine/error.hpp"
#include "nn/sampler.hpp"

#include <algorithm>

namespace lookback::tools {

namespace {

// x[count, L, 2] of the first histories in the prior's variables.
std::vector<float> variables(const nn::Prior& prior, const HistorySet& set, std::int64_t count) {
  std::vector<float> x;
  for (std::int64_t i = 0; i < count; ++i)
    for (int b = 0; b < set.bins; ++b) x.insert(x.end(), {set.sfr(i)[b], set.log_z(i)[b]});
  const nn::Normalization& n = prior.normalization;
  nn::to_variables(x, prior.length, 2, n.sfr, n.floor);
  nn::standardise(x, n, prior.length);
  return x;
}

} // namespace

Estimate nats_per_number(const nn::Prior& prior, const HistorySet& set,
                         const LikelihoodOptions& o) {
  require(prior.length == set.bins && prior.config.channels == 2, "the prior is of ",
          prior.config.channels, " channels and ", prior.length, " bins, the histories of 2 and ",
          set.bins);
  Backend& backend = prior.network->params().flat().backend();
  const std::int64_t count = std::min(o.count, set.count()), size = 2 * prior.length;
  const std::vector<float> x = variables(prior, set, count);
  double sum = 0, squares = 0;
  for (std::int64_t first = 0; first < count; first += likelihood_batch) {
    const std::int64_t B = std::min(likelihood_batch, count - first);
    const Tensor at = Tensor::from<float>(
        {B, prior.length, 2},
        std::span(x).subspan(std::size_t(first * size), std::size_t(B * size)), backend);
    const nn::Noise vectors = [&](int call) {
      const Tensor v = empty_like(at);
      backend.normal({.seed = o.seed,
                      .purpose = Purpose::hutchinson,
                      .draw = std::uint32_t(first),
                      .step = std::uint32_t(call)},
                     v);
      return v;
    };
    for (const double log_p :
         nn::log_likelihood(*prior.network, prior.sde, at, o.steps, nn::OdeMethod::heun, vectors)) {
      sum += log_p / double(size);
      squares += log_p * log_p / double(size * size);
    }
    if (o.batch_done) o.batch_done();
  }
  const double n = double(count), mean = sum / n;
  return {mean, std::sqrt(std::max(squares / n - mean * mean, 0.0) / n)};
}

} // namespace lookback::tools
