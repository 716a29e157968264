// Draws histories from a prior, or from the posterior given an observed galaxy.
#include "engine/error.hpp"
#include "engine/parallel.hpp"
#include "physics/cosmology.hpp"
#include "tools/common/progress.hpp"
#include "tools/files/in_file.hpp"
#include "tools/files/sha256.hpp"
#include "tools/galaxy/method_options.hpp"
#include "tools/galaxy/posterior_samples.hpp"
#include "tools/inference/cost.hpp"

#include <chrono>
#include <numeric>

using namespace lookback;
using namespace lookback::tools;

namespace {

struct Options {
  std::filesystem::path prior, output;
  GalaxyOptions galaxy;
  ChainOptions chains;
  std::optional<std::int64_t> keep_best;
  MethodOptions method;
  std::string sampler = "euler-maruyama", precision = "fp32";
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

// Median and central 68 % of one of the samples' quantities.
void tell_drawn(const Samples& samples, const std::string& name, Log& log) {
  for (const Quantity& drawn : samples.quantities) {
    if (drawn.name != name) continue;
    const auto q = quantiles(drawn.values, std::vector{0.16, 0.5, 0.84});
    log.say("sample: ", name, " ", q[1], " (", q[0], " to ", q[2], ")");
  }
}

// What the processor's threads do of it.
std::string run_on_cpu(const Backend& backend, bool whole_on_device) {
  if (backend.device() != Device::cpu && whole_on_device) return "";
  return (backend.device() == Device::cpu ? " with " : ", all but the network with ") +
         std::to_string(threads()) + " threads";
}

// `pixels`: of the spectra kept beside the draws, as float64 and float32.
void predict(const Method& method, const ChainOptions& o, Eigen::Index pixels,
             double seconds_so_far, Log& log) {
  Cost cost = predicted_cost(o.count, o.batch, double(method.evaluations), method.few);
  cost.bytes += 12.0 * double(o.count * pixels);
  log.say("sample: about ", duration_text(seconds_so_far + cost.seconds), " and ",
          std::ceil(cost.bytes / 1e6), " MB; nothing is written in a dry run");
}

// The draws whose spectra are nearest to the data, by the mean of |residual| in standard
// deviations, in their order.
Eigen::MatrixXd nearest(const Eigen::MatrixXd& draws, std::int64_t keep, const Galaxy& galaxy,
                        const SpectrumLikelihood& likelihood) {
  const Eigen::MatrixXd residual =
      likelihood.whitened_residual(galaxy.model->value(draws.topRows(2 * galaxy.model->bins())));
  const Eigen::VectorXd mean = residual.cwiseAbs().colwise().mean().transpose();
  std::vector<Eigen::Index> order(std::size_t(draws.cols()));
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](auto a, auto b) { return mean[a] < mean[b]; });
  order.resize(std::size_t(keep));
  std::sort(order.begin(), order.end());
  return draws(Eigen::all, order);
}

void sample(Options& o, CommandLine& line) {
  Log& log = line.log();
  o.chains.seed = line.common().seed;
  const OutputFile output{o.output, line.common().overwrite, line.config_json()};
  require_writable(output);
  const auto start = std::chrono::steady_clock::now();
  Backend& backend = backend_for(line.common().device);
  backend.set_precision(precision_named(o.precision));
  const nn::Prior prior = nn::read_prior(o.prior, backend);
  const bool posterior = !o.galaxy.spectrum.empty();
  require(posterior || (o.galaxy.photometry.empty() && o.galaxy.firefly.empty()),
          "--photometry and --firefly go with a --spectrum");
  if (posterior) in_file(o.prior, [&] { check(o.method, prior); });
  require(!o.keep_best || (posterior && *o.keep_best <= o.chains.count), "--keep-best ",
          o.keep_best.value_or(0), " needs a --spectrum and no fewer draws (--count ",
          o.chains.count, ")");
  o.chains.steps = o.method.steps.value_or(o.sampler == "heun" ? 40 : 1000);
  std::optional<Galaxy> galaxy;
  std::optional<SpectrumLikelihood> likelihood;
  if (posterior) {
    std::vector<std::string> notes;
    galaxy = open_galaxy(o.galaxy, prior.bin_edges_gyr, notes);
    require(!o.keep_best || galaxy->free.empty(),
            "--keep-best judges draws by one model; leave --a-v-range, --redshift-error and "
            "--sigma-v-range away");
    for (const std::string& note : notes) log.say("sample: ", note);
    tell(*galaxy, log);
    likelihood.emplace(*galaxy->model, prior.normalization, measurements(*galaxy));
  }
  const Method method =
      posterior ? posterior_method(
                      {prior, *galaxy->model, galaxy->grid.log_z_zsun, *likelihood, galaxy->free,
                       [&](const physics::Nuisance& n) { return galaxy->model_at(n); }},
                      o.method, o.chains)
                : prior_method(prior, o.sampler, o.chains);
  log.say("sample: ", o.chains.count, " draws from the ",
          posterior ? "posterior by " + method.name : std::string("prior"), ", ",
          method.evaluations, " network evaluations each, on ", line.common().device, " in ",
          o.precision, run_on_cpu(backend, method.whole_on_device));
  if (line.common().dry_run)
    return predict(method, o.chains, posterior ? galaxy->model->outputs() : 0, seconds_since(start),
                   log);

  const double prepared = seconds_since(start);
  const std::int64_t batches = (o.chains.count + o.chains.batch - 1) / o.chains.batch;
  Progress progress(log, method.steps * batches, "sampling");
  Eigen::MatrixXd draws = method.run([&] { progress.advance(); });
  const double drawn = seconds_since(start);
  if (o.keep_best) {
    draws = nearest(draws, *o.keep_best, *galaxy, *likelihood);
    log.say("sample: kept the ", *o.keep_best, " draws nearest to the data of ", o.chains.count,
            ": what remains is narrower than the posterior");
  }
  const Eigen::MatrixXd histories = draws.topRows(2 * prior.length),
                        free = draws.middleRows(histories.rows(), galaxy ? galaxy->free.size() : 0),
                        noise = draws.bottomRows(draws.rows() - histories.rows() - free.rows());

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
  if (!posterior || o.method.name == "cla-diagonal")
    samples.attributes.emplace_back("sampler", o.sampler);
  if (posterior) {
    const double chi2 = add_galaxy(samples, histories, free, *galaxy, *likelihood);
    samples.attributes.emplace_back("sha256_ssp", sha256_of_file(o.galaxy.ssp));
    samples.attributes.emplace_back("sha256_spectrum", sha256_of_file(o.galaxy.spectrum));
    log.say("sample: median reduced chi2 ", chi2);
    add_noise(samples, names_of(o.method.noise), noise);
    for (const std::string& name : names_of(o.method.noise)) tell_drawn(samples, name, log);
  }
  if (o.keep_best) samples.attributes.emplace_back("kept_best_of", o.chains.count);
  const Diagnostics said = method.diagnose();
  samples.attributes.insert(samples.attributes.end(), said.attributes.begin(),
                            said.attributes.end());
  if (!said.sentence.empty()) log.say("sample: ", said.sentence);
  samples.attributes.emplace_back("wall_seconds", seconds_since(start));
  write_samples(output, samples);
  const double written = seconds_since(start);
  log.say("sample: ", o.output.string(), " written after ", duration_text(written), ": ",
          duration_text(prepared), " reading and preparing, ", duration_text(drawn - prepared),
          " sampling, ", duration_text(written - drawn), " quantities, spectra and file");
}

} // namespace

int main(int argc, char** argv) {
  Options o;
  CommandLine line("sample",
                   "Draws histories from a prior, or from the posterior of an observed galaxy.");
  line.input("--prior", o.prior, "the prior (lookback-prior)");
  line.output(o.output, "the draws (lookback-samples)");
  line.option("--count", o.chains.count, "N", "draws")->check(in_range(1, 10000000));
  line.option("--keep-best", o.keep_best, "N",
              "keep the N draws nearest to the data, as the publication did with 100 of 120; the "
              "posterior becomes too narrow")
      ->check(in_range(1, 10000000));
  line.choice("--sampler", o.sampler, {"euler-maruyama", "heun"},
              "of the prior: the reverse SDE, or the probability-flow ODE on Karras's levels");
  line.choice("--precision", o.precision, {"fp32", "tf32", "bf16"},
              "factors of the network's convolutions (tf32: cuda alone); sums are float32");
  line.option("--batch", o.chains.batch, "N", "chains at a time; results do not depend on it")
      ->check(in_range(1, 100000));
  add_method_options(line, o.method);
  add_galaxy_options(line, o.galaxy);
  line.add_seed();
  line.add_device();
  line.add_dry_run();
  line.footer("Masked unless switched off: " + masked_lines_text() + ".");
  return line.run(argc, argv, [&] { sample(o, line); });
}
