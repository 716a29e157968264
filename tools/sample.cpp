// Draws histories from a prior, or from the posterior given an observed galaxy.
#include "engine/error.hpp"
#include "engine/parallel.hpp"
#include "physics/cosmology.hpp"
#include "tools/common/progress.hpp"
#include "tools/files/sha256.hpp"
#include "tools/galaxy/posterior_samples.hpp"
#include "tools/inference/chains.hpp"
#include "tools/inference/cost.hpp"

#include <algorithm>
#include <chrono>

using namespace lookback;
using namespace lookback::tools;

namespace {

struct Options {
  std::filesystem::path prior, output;
  GalaxyOptions galaxy;
  ChainOptions chains;
  std::optional<int> steps;
  std::string method = "dkps", sampler = "euler-maruyama", precision = "fp32";
  std::string covariance = "mixture";
  nn::DiagonalCla::Options cla;
  DkpsOptions dkps;
};

double seconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

std::string range_text(const std::vector<double>& values) { // smallest / median / largest
  const auto q = quantiles(values, std::vector{0.0, 0.5, 1.0});
  std::ostringstream text;
  text << std::round(q[0]) << "/" << std::round(q[1]) << "/" << std::round(q[2]);
  return text.str();
}

// What was decided for the galaxy, one line a subject.
void tell(const Galaxy& g, Log& log) {
  const auto text = [](const Chosen& c) {
    std::ostringstream words;
    words << c.value << " (" << c.from << ")";
    return words.str();
  };
  const Observation& obs = g.observation;
  log.say("sample: ", obs.name, " z ", text(g.redshift), ", A_V ", text(g.a_v), ", sigma_v ",
          text(g.sigma_v), " km/s; pixels of ", obs.mask.size(), ": ", pixels_text(obs));
  const Resolution r = resolution(g);
  log.say("sample: resolution in km/s, min/median/max: instrument (", g.lsf_from, ") ",
          range_text(r.instrument), ", library ", range_text(r.library), ", stars ",
          std::round(g.sigma_v.value), ", kernel applied ", range_text(r.kernel));
  if (r.sharper > 0)
    log.say("sample: in ", r.sharper, " of ", r.kernel.size(),
            " pixels the instrument is sharper than the SSP library; ", r.unchanged,
            " of them stay at the library's resolution");
}

// A way to draw chains of histories, ready to run.
struct Method {
  std::string name;
  std::int64_t evaluations; // of the network, a chain
  std::int64_t steps;       // calls of `step_done` a batch
  std::function<Eigen::MatrixXd(const std::function<void()>& step_done)> run;
  std::function<void(std::int64_t chains)> few; // one evaluation, to time it
  std::function<void(Samples&, Log&)> diagnose = [](Samples&, Log&) {}; // after the run
};

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

Method from_prior(const nn::Prior& prior, const Options& o) {
  Method m = guided("prior", prior, nn::prior_score(*prior.network, prior.sde), o.chains);
  if (o.sampler == "euler-maruyama") return m;
  m.evaluations = 2 * o.chains.steps - 1;
  m.steps = o.chains.steps;
  m.run = [=, &prior](auto& step_done) { return run_heun(prior, o.chains, step_done); };
  return m;
}

Method by_cla_diagonal(const nn::Prior& prior, const SpectrumLikelihood& likelihood,
                       const Options& o) {
  Backend& backend = prior.network->params().flat().backend();
  const auto cla = std::make_shared<nn::DiagonalCla>(
      likelihood, Tensor({1, prior.length, 2}, DType::f32, backend), o.cla);
  const nn::Score prior_score = nn::prior_score(*prior.network, prior.sde);
  const nn::Score score = [=, &prior, &backend](const Tensor& x, double t) {
    Tensor total = prior_score(x, t);
    backend.scale(1, cla->score(x, prior.sde.sigma(t)), {total, true});
    return total;
  };
  Method m = guided(o.method, prior, score, o.chains);
  m.diagnose = [=, evaluations = m.evaluations * o.chains.count](Samples& samples, Log& log) {
    const double clipped = double(cla->clipped()) / double(evaluations);
    samples.attributes.emplace_back("forward_evaluations", cla->forward_evaluations());
    samples.attributes.emplace_back("clipped_fraction", clipped);
    log.say("sample: the likelihood score was clipped in ", 100 * clipped, " % of evaluations");
  };
  return m;
}

Method by_dkps(const nn::Prior& prior, const Galaxy& galaxy, const SpectrumLikelihood& likelihood,
               const Options& o) {
  const auto data = std::make_shared<CompressedSpectrum>(*galaxy.model, galaxy.grid.log_z_zsun,
                                                         likelihood, prior.normalization);
  const auto denoiser = std::make_shared<NetworkDenoiser>(prior);
  std::shared_ptr<ConditionalPrior> conditional;
  if (o.covariance == "mixture")
    conditional = std::make_shared<MixtureConditional>(mixture_of(prior));
  else
    conditional = std::make_shared<JacobianConditional>(*denoiser);
  const auto accepted = std::make_shared<std::vector<double>>();
  Method m{o.method, o.chains.steps, o.chains.steps, {}, {}};
  m.run = [=, &prior](auto& step_done) {
    return run_dkps(prior, *conditional, *data, o.dkps, o.chains, *accepted, step_done);
  };
  m.few = [=, &prior](std::int64_t chains) { // the two ends of the levels: half a level each
    DkpsOptions few = o.dkps;
    few.levels = 2;
    sample_dkps(*denoiser, *conditional, *data, 0, (chains + 1) / 2, few);
  };
  m.diagnose = [=](Samples& samples, Log& log) {
    samples.attributes.emplace_back("data_dimensions", std::int64_t(data->size()));
    samples.attributes.emplace_back("covariance", o.covariance);
    samples.attributes.emplace_back("acceptance_last_level", accepted->back());
    samples.attributes.emplace_back("acceptance_least",
                                    *std::min_element(accepted->begin(), accepted->end()));
    log.say("sample: Metropolis moves accepted: ", std::round(100 * accepted->front()),
            " % at the first noise level, ", std::round(100 * accepted->back()), " % at the last");
  };
  return m;
}

// `pixels`: of the spectra kept beside the draws, as float64 and float32.
void predict(const Method& method, const ChainOptions& o, Eigen::Index pixels,
             double seconds_so_far, Log& log) {
  Cost cost = predicted_cost(o.count, o.batch, double(method.evaluations), method.few);
  cost.bytes += 12.0 * double(o.count * pixels);
  log.say("sample: about ", duration_text(seconds_so_far + cost.seconds), " and ",
          std::ceil(cost.bytes / 1e6), " MB; nothing is written in a dry run");
}

// Levels or steps that each method needs.
int default_steps(const Options& o, bool posterior) {
  if (posterior) return o.method == "dkps" ? 50 : 1000;
  return o.sampler == "heun" ? 40 : 1000;
}

void sample(Options& o, CommandLine& line) {
  Log& log = line.log();
  o.chains.seed = o.cla.seed = o.dkps.seed = line.common().seed;
  const OutputFile output{o.output, line.common().overwrite, line.config_json()};
  require_writable(output);
  const auto start = std::chrono::steady_clock::now();
  Backend& backend = backend_for(line.common().device);
  backend.set_precision(precision_named(o.precision));
  const nn::Prior prior = nn::read_prior(o.prior, backend);
  const bool posterior = !o.galaxy.spectrum.empty();
  require(posterior || (o.galaxy.photometry.empty() && o.galaxy.firefly.empty()),
          "--photometry and --firefly go with a --spectrum");
  require(!posterior || o.method != "cla-diagonal" ||
              prior.normalization.sfr == nn::SfrVariable::linear,
          o.prior.string(), ": its star-formation rates are ", name_of(prior.normalization.sfr),
          ", with which --method cla-diagonal does not work; train a prior with --published");
  o.chains.steps = o.steps.value_or(default_steps(o, posterior));
  std::optional<Galaxy> galaxy;
  std::optional<SpectrumLikelihood> likelihood;
  if (posterior) {
    std::vector<std::string> notes;
    galaxy = open_galaxy(o.galaxy, prior.bin_edges_gyr, notes);
    for (const std::string& note : notes) log.say("sample: ", note);
    tell(*galaxy, log);
    likelihood.emplace(*galaxy->model, prior.normalization, measurements(*galaxy));
  }
  const Method method = !posterior           ? from_prior(prior, o)
                        : o.method == "dkps" ? by_dkps(prior, *galaxy, *likelihood, o)
                                             : by_cla_diagonal(prior, *likelihood, o);
  log.say("sample: ", o.chains.count, " draws from the ",
          posterior ? "posterior by " + o.method : std::string("prior"), ", ", method.evaluations,
          " network evaluations each, on ", line.common().device, " with ", threads(),
          " threads in ", o.precision);
  if (line.common().dry_run)
    return predict(method, o.chains, posterior ? galaxy->model->outputs() : 0, seconds_since(start),
                   log);

  const std::int64_t batches = (o.chains.count + o.chains.batch - 1) / o.chains.batch;
  Progress progress(log, method.steps * batches, "sampling");
  const Eigen::MatrixXd histories = method.run([&] { progress.advance(); });

  Samples samples;
  samples.posterior = posterior;
  samples.bin_edges_gyr = prior.bin_edges_gyr;
  const double redshift = posterior ? galaxy->redshift.value : 0;
  add_histories(
      samples, histories,
      physics::DerivedModel({prior.bin_edges_gyr}, redshift, posterior ? &galaxy->grid : nullptr));
  samples.constants = {{"redshift", "", {redshift}},
                       {"age_of_universe_gyr", "Gyr", {physics::age_gyr(redshift)}}};
  samples.attributes = {{"method", method.name},
                        {"precision", o.precision},
                        {"seed", std::int64_t(line.common().seed)},
                        {"network_evaluations", method.evaluations * o.chains.count},
                        {"sha256_prior", sha256_of_file(o.prior)}};
  if (!posterior || o.method == "cla-diagonal")
    samples.attributes.emplace_back("sampler", o.sampler);
  if (posterior) {
    const double chi2 = add_galaxy(samples, histories, *galaxy, *likelihood);
    samples.attributes.emplace_back("sha256_ssp", sha256_of_file(o.galaxy.ssp));
    samples.attributes.emplace_back("sha256_spectrum", sha256_of_file(o.galaxy.spectrum));
    log.say("sample: median reduced chi2 ", chi2);
  }
  method.diagnose(samples, log);
  samples.attributes.emplace_back("wall_seconds", seconds_since(start));
  write_samples(output, samples);
  log.say("sample: ", o.output.string(), " written after ", duration_text(seconds_since(start)));
}

} // namespace

int main(int argc, char** argv) {
  Options o;
  CommandLine line("sample",
                   "Draws histories from a prior, or from the posterior of an observed galaxy.");
  line.input("--prior", o.prior, "the prior (lookback-prior)");
  line.output(o.output, "the draws (lookback-samples)");
  line.option("--count", o.chains.count, "N", "draws")->check(in_range(1, 10000000));
  line.choice("--sampler", o.sampler, {"euler-maruyama", "heun"},
              "of the prior: the reverse SDE, or the probability-flow ODE on Karras's levels");
  line.choice("--precision", o.precision, {"fp32", "tf32", "bf16"},
              "factors of the network's convolutions (tf32: cuda alone); sums are float32");
  line.option("--steps", o.steps, "N",
              "steps or noise levels; default: 1000 of euler-maruyama, 40 of heun, 50 of dkps")
      ->check(in_range(1, 1000000));
  line.option("--batch", o.chains.batch, "N", "chains at a time; results do not depend on it")
      ->check(in_range(1, 100000));
  line.choice("--method", o.method, {"dkps", "cla-diagonal"},
              "posterior method; cla-diagonal is the published one");
  line.choice("--covariance", o.covariance, {"mixture", "jacobian"},
              "of a history given a noisy one, for dkps: the prior file's mixture, or the "
              "network's own derivative (slow)");
  line.option("--cla-draws", o.cla.draws, "N", "draws for the diagonal of A A^T");
  line.option("--clip", o.cla.clip, "C",
              "cut sigma |likelihood score| to C sqrt(elements); 0: never");
  add_galaxy_options(line, o.galaxy);
  line.add_seed();
  line.add_device();
  line.add_dry_run();
  line.footer("Masked unless switched off: " + masked_lines_text() + ".");
  return line.run(argc, argv, [&] { sample(o, line); });
}
