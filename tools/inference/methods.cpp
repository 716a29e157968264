#include "tools/inference/methods.hpp"

#include "physics/derived.hpp"
#include "tools/inference/chain_diagnostics.hpp"
#include "tools/inference/dkps_on_device.hpp"
#include "tools/inference/history_at.hpp"
#include "tools/inference/nuisance.hpp"

#include <algorithm>
#include <cmath>

namespace lookback::tools {
namespace {

// Euler-Maruyama under `score`.
Method by_score(const std::string& name, const nn::Prior& prior, const nn::Score& score,
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
  Method m = by_score(o.name, p.prior, score, chains);
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

// What the methods on compressed data share; kept alive by the functions that use it.
struct Target {
  std::vector<NuisancePrior> free;
  std::shared_ptr<const SpectrumData> data;
  NetworkDenoiser network;
  std::unique_ptr<JointDenoiser> joint;
  std::optional<GaussianMixture> mixture;

  explicit Target(const Posterior& p) : free(p.free), network(p.prior) {
    const nn::Normalization& variables = p.prior.normalization;
    data = std::make_shared<const SpectrumData>(
        free.empty() ? compressed_spectrum(p.model, p.log_z_nodes, p.likelihood, variables)
                     : nuisance_spectrum(p.model_at, p.model.nuisance(), free, p.log_z_nodes,
                                         p.likelihood, variables));
    joint = std::make_unique<JointDenoiser>(network, more());
    if (p.prior.mixture) mixture = mixture_of(p.prior);
  }

  Eigen::Index more() const { return Eigen::Index(free.size()); }
  const Denoiser& denoiser() const { return *joint; }
  std::shared_ptr<ConditionalPrior> conditional(const std::string& covariance) const {
    if (covariance != "mixture") return std::make_shared<JacobianConditional>(denoiser());
    const auto histories = std::make_shared<MixtureConditional>(*mixture);
    if (free.empty()) return histories;
    return std::make_shared<JointConditional>(histories, more());
  }
  // Rows of histories_in_batches() that are still u.
  void to_values(Eigen::MatrixXd& draws) const {
    const Eigen::Index histories = denoiser().dimension() - more();
    for (std::size_t q = 0; q < free.size(); ++q)
      for (double& u : draws.row(histories + Eigen::Index(q))) u = free[q].value(u);
  }
};

// Draws x [D, count] of chains `first` and following.
using Draw = std::function<Eigen::MatrixXd(std::int64_t first, std::int64_t count)>;

// Draws the method's histories, batch by batch.
void run_by(Method& m, const Posterior& p, const ChainOptions& chains,
            const std::shared_ptr<const Target>& target,
            const std::function<Draw(const std::function<void()>& step_done)>& draw) {
  m.run = [=, &prior = p.prior](auto& step_done) {
    Eigen::MatrixXd draws = histories_in_batches(prior, chains, draw(step_done));
    target->to_values(draws);
    return draws;
  };
}

Method by_dkps(const Posterior& p, const MethodOptions& o, const ChainOptions& chains,
               const std::shared_ptr<const Target>& target) {
  const auto conditional = target->conditional(o.covariance);
  std::shared_ptr<const NoiseModel> noise;
  if (o.noise.any())
    noise = std::make_shared<const NoiseModel>(*target->data, target->data->pixels(), o.noise);
  DkpsOptions options = o.dkps;
  options.sigma_max = p.prior.sde.sigma_max;
  options.sigma_min = p.prior.sde.sigma_min;
  options.levels = chains.steps;
  options.seed = chains.seed;
  struct Report {
    std::vector<LevelReport> levels;
    double network_seconds = 0;
  };
  const auto report = std::make_shared<Report>(Report{std::vector<LevelReport>(chains.steps)});
  Method m{o.name, chains.steps, chains.steps, {}, {}};
  m.whole_on_device = p.prior.network->params().flat().backend().device() == Device::cuda &&
                      o.covariance == "mixture" && !noise && device_takes(p.prior.normalization);
  const auto sample = [=, &prior = p.prior, on_device = m.whole_on_device](
                          std::int64_t first, std::int64_t count, const DkpsOptions& options,
                          const std::function<void()>& level_done) {
    return on_device ? sample_dkps_on_device(prior, *target->mixture, target->data->terms(), first,
                                             count, options, level_done)
                     : sample_dkps(target->denoiser(), *conditional, *target->data, first, count,
                                   options, level_done, noise.get());
  };
  m.few = [=](std::int64_t count) { // the two ends of the levels: half a level each
    DkpsOptions few = options;
    few.levels = 2;
    sample(0, (count + 1) / 2, few, {});
  };
  m.diagnose = [=] {
    const std::vector<LevelReport>& levels = report->levels;
    double least = 1;
    for (const LevelReport& level : levels) least = std::min(least, level.accepted);
    std::ostringstream sentence;
    sentence << "Metropolis moves accepted: " << std::round(100 * levels.front().accepted)
             << " % at the first noise level, " << std::round(100 * levels.back().accepted)
             << " % at the last, where the data pull at the prior by " << levels.back().pull
             << " a number";
    Diagnostics d{{{"data_dimensions", std::int64_t(target->data->size())},
                   {"covariance", o.covariance},
                   {"acceptance_last_level", levels.back().accepted},
                   {"acceptance_least", least},
                   {"pull_last_level", levels.back().pull}},
                  ""};
    if (report->network_seconds > 0) {
      d.attributes.emplace_back("network_seconds", report->network_seconds);
      sentence << "; the network took " << std::round(10 * report->network_seconds) / 10 << " s";
    }
    d.sentence = sentence.str();
    return d;
  };
  run_by(m, p, chains, target, [=](const auto& step_done) -> Draw {
    return [=](std::int64_t first, std::int64_t count) {
      const DkpsDraws draws = sample(first, count, options, step_done);
      const double share = double(count) / double(chains.count);
      for (std::size_t i = 0; i < draws.levels.size(); ++i) {
        report->levels[i].accepted += draws.levels[i].accepted * share;
        report->levels[i].pull += draws.levels[i].pull * share;
      }
      report->network_seconds += draws.network_seconds;
      Eigen::MatrixXd all(draws.x.rows() + Eigen::Index(names_of(o.noise).size()), count);
      all << draws.x, values_of(o.noise, draws.noise);
      return all;
    };
  });
  return m;
}

Method by_guidance(const Posterior& p, const MethodOptions& o, const ChainOptions& chains,
                   const std::shared_ptr<const Target>& target) {
  const GuidedOptions options{.guidance = guidance_named(o.name),
                              .integrator = integrator_named(o.integrator),
                              .sigma_max = p.prior.sde.sigma_max,
                              .sigma_min = p.prior.sde.sigma_min,
                              .levels = chains.steps,
                              .seed = chains.seed};
  Method m{o.name, evaluations(options), chains.steps, {}, {}};
  m.few = [=](std::int64_t count) {
    const Eigen::MatrixXd x = Eigen::MatrixXd::Zero(target->denoiser().dimension(), count);
    likelihood_score(options.guidance, target->denoiser(), *target->data, x, 1,
                     target->denoiser().mean(x, 1));
  };
  m.diagnose = [=] {
    return Diagnostics{
        {{"data_dimensions", std::int64_t(target->data->size())}, {"integrator", o.integrator}},
        ""};
  };
  run_by(m, p, chains, target, [=](const auto& step_done) -> Draw {
    return [=](std::int64_t first, std::int64_t count) {
      return sample_guided(target->denoiser(), *target->data, first, count, options, step_done);
    };
  });
  return m;
}

// What is followed along the chains of latent, to see whether they have met.
struct Followed {
  double accepted = 0;
  // [quantity][chain][kept move]
  std::vector<std::string> names{"log10_mass", "log_z", "log_likelihood"};
  std::vector<std::vector<std::vector<double>>> values{3};

  void add(std::size_t chain, const std::vector<double>& now) {
    for (std::size_t q = 0; q < names.size(); ++q) {
      values[q].resize(std::max(values[q].size(), chain + 1));
      values[q][chain].push_back(now[q]);
    }
  }

  Diagnostics diagnostics() const {
    Diagnostics d{{{"latent_accepted", accepted}}, ""};
    std::ostringstream sentence;
    sentence << "latent moves accepted: " << std::round(100 * accepted) << " %";
    for (std::size_t q = 0; q < names.size(); ++q) {
      if (values[q].size() < 2 || values[q][0].size() < 4) continue;
      const double r_hat = split_r_hat(values[q]), ess = effective_draws(values[q]);
      d.attributes.emplace_back("r_hat_" + names[q], r_hat);
      d.attributes.emplace_back("effective_draws_" + names[q], ess);
      sentence << "; " << names[q] << ": R-hat " << r_hat << ", " << std::round(ess)
               << " effective draws";
    }
    d.sentence = sentence.str();
    return d;
  }
};

// Starts from draws by dkps.
Method by_latent(const Posterior& p, const MethodOptions& o, const ChainOptions& chains,
                 const std::shared_ptr<const Target>& target) {
  const auto conditional = target->conditional(o.covariance);
  const nn::VeSde& sde = p.prior.sde;
  const DkpsOptions start{
      .sigma_max = sde.sigma_max, .sigma_min = sde.sigma_min, .seed = chains.seed};
  const auto map = std::make_shared<const FlowMap>(target->denoiser(), sde.sigma_max, sde.sigma_min,
                                                   chains.steps);
  LatentOptions options = o.latent;
  options.seed = chains.seed;
  const physics::DerivedModel derived({p.prior.bin_edges_gyr}, p.model.nuisance().redshift);
  const auto followed = std::make_shared<Followed>();
  // A move of a spectrum at S/N 50 takes 28 images of the map, and vectors through it that cost as
  // much as 32.
  Method m{o.name,
           start.levels + 60 * options.moves * map->evaluations(),
           start.levels + options.moves,
           {},
           {}};
  m.few = [=](std::int64_t count) {
    target->denoiser().mean(Eigen::MatrixXd::Zero(map->dimension(), count), 1);
  };
  run_by(m, p, chains, target, [=, &prior = p.prior](const auto& step_done) -> Draw {
    const auto space = std::make_shared<const LatentSpace>(*map, *target->data);
    return [=, &prior](std::int64_t first, std::int64_t count) {
      const Eigen::MatrixXd x = sample_dkps(target->denoiser(), *conditional, *target->data, first,
                                            count, start, step_done)
                                    .x;
      const auto follow = [&](const Eigen::MatrixXd& x) {
        for (Eigen::Index n = 0; n < x.cols(); ++n) {
          const auto d = derived(history_at(x.col(n), prior.normalization));
          followed->add(std::size_t(first + n),
                        {d.log10_mass_formed_msun, d.log_z_mass_weighted,
                         -0.5 * target->data->residual(x.col(n)).squaredNorm()});
        }
      };
      const LatentDraws moved =
          latent_moves(*space, space->start(x), first, options, follow, step_done);
      followed->accepted += moved.accepted * double(count) / double(chains.count);
      return moved.x;
    };
  });
  m.diagnose = [=] { return followed->diagnostics(); };
  return m;
}

// Levels at which bench/posterior finds the method's error in steps small beside its bias.
int default_steps(const std::string& method) {
  if (method == "dkps" || method == "tmpd") return 50;
  if (method == "latent") return 12;
  return method == "pigdm" ? 200 : method == "cla" ? 400 : 1000;
}

} // namespace

Method prior_method(const nn::Prior& prior, const std::string& sampler, const ChainOptions& o) {
  Method m = by_score("prior", prior, nn::prior_score(*prior.network, prior.sde), o);
  m.run = [=, &prior](auto& step_done) { return run_prior(prior, o, step_done); };
  m.whole_on_device = sampler == "euler-maruyama";
  if (m.whole_on_device) return m;
  m.evaluations = 2 * o.steps - 1;
  m.steps = o.steps;
  m.run = [=, &prior](auto& step_done) { return run_heun(prior, o, step_done); };
  return m;
}

Method posterior_method(const Posterior& posterior, const MethodOptions& o, ChainOptions chains) {
  check(o, posterior.prior);
  require(
      !o.noise.any() || !posterior.likelihood.calibrated(),
      "--jitter and --outliers take pixels as independent, which errors of calibration are not; "
      "leave --calibration-degree away");
  chains.steps = o.steps.value_or(default_steps(o.name));
  require(
      o.name != "cla-diagonal" || posterior.free.empty(),
      "--method cla-diagonal keeps A_V, redshift and dispersion fixed; leave their ranges away");
  if (o.name == "cla-diagonal") return by_cla_diagonal(posterior, o, chains);
  const auto target = std::make_shared<const Target>(posterior);
  Method m = o.name == "dkps"     ? by_dkps(posterior, o, chains, target)
             : o.name == "latent" ? by_latent(posterior, o, chains, target)
                                  : by_guidance(posterior, o, chains, target);
  m.data = target->data;
  return m;
}

void check(const MethodOptions& o, const nn::Prior& prior) {
  require(o.name != "cla-diagonal" || prior.normalization.sfr == nn::SfrVariable::linear,
          "its star-formation rates are ", name_of(prior.normalization.sfr),
          ", with which --method cla-diagonal does not work; train a prior with --published");
  require(!o.noise.any() || o.name == "dkps",
          "--jitter and --outliers go with --method dkps alone");
  require((o.name != "dkps" && o.name != "latent") || o.covariance != "mixture" || prior.mixture,
          "it holds no mixture; give --covariance jacobian, or train it with --mixture");
}

} // namespace lookback::tools
