#include "tools/inference/methods.hpp"

#include <algorithm>
#include <cmath>

namespace lookback::tools {
namespace {

// Euler-Maruyama under `score`.
Method guided(const std::string& name, const nn::Prior& prior, const nn::Score& score,
              const ChainOptions& o) {
  const auto n = std::int64_t(nn::euler_maruyama_times(o.steps).size());
  return {name, n, n,
          [=, &prior](auto& step_done) { return run_chains(prior, score, o, step_done); },
          [=, &prior](std::int64_t chains) {
            const Tensor x({chains, prior.length, prior.config.channels}, DType::f32,
                           prior.network->params().flat().backend());
            x.backend().normal({.seed = o.seed, .purpose = Purpose::sampler_start}, x);
            score(x, prior.sde.T / 2).numbers(); // numbers() waits for a GPU
          }};
}

Method by_cla_diagonal(const Posterior& p, const MethodOptions& o, const ChainOptions& chains) {
  Backend& backend = p.prior.network->params().flat().backend();
  nn::DiagonalCla::Options options = o.cla;
  options.seed = chains.seed;
  const auto cla = std::make_shared<nn::DiagonalCla>(
      p.likelihood, Tensor({1, p.prior.length, 2}, DType::f32, backend), options);
  const nn::Score prior_score = nn::prior_score(*p.prior.network, p.prior.sde);
  const nn::Score score = [=, &prior = p.prior, &backend](const Tensor& x, double t) {
    Tensor total = prior_score(x, t);
    backend.scale(1, cla->score(x, prior.sde.sigma(t)), {total, true});
    return total;
  };
  Method m = guided(o.name, p.prior, score, chains);
  m.diagnose = [cla, evaluations = m.evaluations * chains.count] {
    const double clipped = double(cla->clipped()) / double(evaluations);
    std::ostringstream sentence;
    sentence << "the likelihood score was clipped in " << 100 * clipped << " % of evaluations";
    return Diagnostics{
        {{"forward_evaluations", cla->forward_evaluations()}, {"clipped_fraction", clipped}},
        sentence.str()};
  };
  return m;
}

Method by_dkps(const Posterior& p, const MethodOptions& o, const ChainOptions& chains) {
  const auto data = std::make_shared<CompressedSpectrum>(p.model, p.log_z_nodes, p.likelihood,
                                                         p.prior.normalization);
  const auto denoiser = std::make_shared<NetworkDenoiser>(p.prior);
  std::shared_ptr<ConditionalPrior> conditional;
  if (o.covariance == "mixture")
    conditional = std::make_shared<MixtureConditional>(mixture_of(p.prior));
  else
    conditional = std::make_shared<JacobianConditional>(*denoiser);
  const auto accepted = std::make_shared<std::vector<double>>();
  Method m{o.name, chains.steps, chains.steps, {}, {}};
  m.run = [=, &prior = p.prior](auto& step_done) {
    return run_dkps(prior, *conditional, *data, o.dkps, chains, *accepted, step_done);
  };
  m.few = [=](std::int64_t count) { // the two ends of the levels: half a level each
    DkpsOptions few = o.dkps;
    few.levels = 2;
    sample_dkps(*denoiser, *conditional, *data, 0, (count + 1) / 2, few);
  };
  m.diagnose = [=] {
    std::ostringstream sentence;
    sentence << "Metropolis moves accepted: " << std::round(100 * accepted->front())
             << " % at the first noise level, " << std::round(100 * accepted->back())
             << " % at the last";
    return Diagnostics{
        {{"data_dimensions", std::int64_t(data->size())},
         {"covariance", o.covariance},
         {"acceptance_last_level", accepted->back()},
         {"acceptance_least", *std::min_element(accepted->begin(), accepted->end())}},
        sentence.str()};
  };
  return m;
}

} // namespace

Method prior_method(const nn::Prior& prior, const std::string& sampler, const ChainOptions& o) {
  Method m = guided("prior", prior, nn::prior_score(*prior.network, prior.sde), o);
  if (sampler == "euler-maruyama") return m;
  m.evaluations = 2 * o.steps - 1;
  m.steps = o.steps;
  m.run = [=, &prior](auto& step_done) { return run_heun(prior, o, step_done); };
  return m;
}

Method posterior_method(const Posterior& posterior, const MethodOptions& o, ChainOptions chains) {
  check(o, posterior.prior);
  const bool dkps = o.name == "dkps";
  chains.steps = o.steps.value_or(dkps ? 50 : 1000);
  return dkps ? by_dkps(posterior, o, chains) : by_cla_diagonal(posterior, o, chains);
}

void check(const MethodOptions& o, const nn::Prior& prior) {
  require(o.name != "cla-diagonal" || prior.normalization.sfr == nn::SfrVariable::linear,
          "its star-formation rates are ", name_of(prior.normalization.sfr),
          ", with which --method cla-diagonal does not work; train a prior with --published");
}

} // namespace lookback::tools
