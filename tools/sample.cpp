// Draws histories from a prior, or from the posterior given an observed spectrum.
#include "engine/parallel.hpp"
#include "physics/cosmology.hpp"
#include "physics/derived.hpp"
#include "tools/common/command_line.hpp"
#include "tools/common/progress.hpp"
#include "tools/files/observation.hpp"
#include "tools/files/samples.hpp"
#include "tools/files/sha256.hpp"
#include "tools/files/ssp.hpp"
#include "tools/inference/chains.hpp"
#include "tools/inference/spectrum_likelihood.hpp"

#include <chrono>

using namespace lookback;
using namespace lookback::tools;

namespace {

struct Options {
  std::filesystem::path prior, output, spectrum, ssp;
  ChainOptions chains;
  std::optional<double> redshift, a_v;
  std::int64_t index = 0;
  std::string method = "cla-diagonal", mask_policy = "and", sampler = "euler-maruyama";
  std::vector<std::string> masks;
  bool keep_emission_lines = false, air = false;
  double text_flux_unit = 1e-17, angstrom_per_unit = 1;
  nn::DiagonalCla::Options cla;
};

// An observation and the model of its galaxy.
struct Galaxy {
  Observation observation;
  physics::SspGrid grid;
  physics::TimeBins bins;
  std::optional<physics::GalaxyModel> model;
};

Observation read_spectrum(const Options& o, std::vector<std::string>& warnings) {
  ObservationOptions options;
  options.index = o.index;
  options.redshift = o.redshift;
  options.policy = mask_policy(o.mask_policy);
  for (const std::string& range : o.masks) options.user_masks.push_back(wavelength_range(range));
  options.mask_emission_lines = !o.keep_emission_lines;
  options.air_wavelengths = o.air;
  options.text_flux_unit = o.text_flux_unit;
  options.angstrom_per_unit = o.angstrom_per_unit;
  return read_observation(o.spectrum, options, warnings);
}

Galaxy open_galaxy(const Options& o, const nn::Prior& prior, Log& log) {
  require(!o.ssp.empty(),
          "--spectrum needs --ssp, the stellar-population grid; `prepare ssp` makes one");
  Galaxy g;
  std::vector<std::string> warnings; // shown once it is clear that the spectrum can be used
  g.observation = read_spectrum(o, warnings);
  Observation& obs = g.observation;
  require(std::isfinite(obs.redshift), o.spectrum.string(),
          ": the redshift is not known; give --redshift");
  if (o.a_v) obs.a_v = *o.a_v;
  if (!std::isfinite(obs.a_v)) obs.a_v = 0;
  require(obs.true_bin_edges_gyr.empty() || obs.true_bin_edges_gyr == prior.bin_edges_gyr,
          o.spectrum.string(), ": the true history has other time bins than the prior ",
          o.prior.string(), "; train a prior on the bins of the mock");
  g.grid = read_ssp(o.ssp);
  g.bins.edges_gyr = prior.bin_edges_gyr;
  g.model.emplace(g.grid, g.bins, obs.redshift, obs.a_v, obs.wavelength_angstrom, obs.flux_unit);
  for (std::size_t p = 0; p < obs.mask.size(); ++p)
    if (!g.model->inside()[p]) obs.mask[p] |= mask_outside_grid;
  require_usable(obs);
  for (const std::string& warning : warnings) log.say("sample: ", warning);
  std::ostringstream lost;
  for (const auto& [reason, pixels] : pixels_lost(obs))
    if (pixels) lost << (lost.str().empty() ? "" : ", ") << reason << " " << pixels;
  log.say("sample: ", obs.name, " z ", obs.redshift, ", A_V ", obs.a_v, "; pixels of ",
          obs.mask.size(), ": ", lost.str());
  return g;
}

void add_histories(Samples& samples, const Eigen::MatrixXd& histories) {
  const Eigen::Index L = histories.rows() / 2;
  samples.draws = histories.cols();
  samples.bins = int(L);
  for (Eigen::Index d = 0; d < histories.cols(); ++d)
    for (Eigen::Index l = 0; l < L; ++l) {
      samples.sfr_msun_per_yr.push_back(float(histories(l, d)));
      samples.log_z_zsun.push_back(float(histories(L + l, d)));
    }
}

void add_derived(Samples& samples, const Eigen::MatrixXd& histories,
                 const physics::DerivedModel& model) {
  using D = physics::DerivedQuantities;
  const std::tuple<const char*, const char*, double D::*> wanted[] = {
      {"log10_mass_formed_msun", "log10(Msun)", &D::log10_mass_formed_msun},
      {"log10_mass_surviving_msun", "log10(Msun)", &D::log10_mass_surviving_msun},
      {"sfr_10", "Msun/yr", &D::sfr_10},
      {"sfr_100", "Msun/yr", &D::sfr_100},
      {"t50_lookback_gyr", "Gyr", &D::t50_lookback_gyr},
      {"t90_lookback_gyr", "Gyr", &D::t90_lookback_gyr},
      {"age_mass_weighted_gyr", "Gyr", &D::age_mass_weighted_gyr},
      {"age_light_weighted_gyr", "Gyr", &D::age_light_weighted_gyr},
      {"log_z_mass_weighted", "log10(Z/Zsun)", &D::log_z_mass_weighted}};
  std::vector<D> all;
  for (Eigen::Index d = 0; d < histories.cols(); ++d) all.push_back(model(histories.col(d)));
  for (const auto& [name, unit, member] : wanted) {
    if (!model.has_surviving_mass() && member == &D::log10_mass_surviving_msun) continue;
    if (!model.has_light_weighted_age() && member == &D::age_light_weighted_gyr) continue;
    Quantity quantity{name, unit, {}};
    for (const D& d : all) quantity.values.push_back(d.*member);
    samples.quantities.push_back(std::move(quantity));
  }
}

// Model spectra and chi^2 of every draw; returns the median reduced chi^2.
double add_spectra(Samples& samples, const Eigen::MatrixXd& histories, const Galaxy& g) {
  const Observation& obs = g.observation;
  const Eigen::MatrixXd flux = g.model->value(histories);
  const auto used = std::count(obs.mask.begin(), obs.mask.end(), 0u);
  Quantity chi2{"chi2", "", {}}, reduced{"chi2_reduced", "", {}};
  for (Eigen::Index d = 0; d < flux.cols(); ++d) {
    double sum = 0;
    for (std::size_t p = 0; p < obs.mask.size(); ++p) {
      const double r = obs.flux[p] - flux(Eigen::Index(p), d);
      if (!obs.mask[p]) sum += r * r * obs.ivar[p];
      samples.model_flux.push_back(float(flux(Eigen::Index(p), d)));
    }
    chi2.values.push_back(sum);
    reduced.values.push_back(sum / double(used));
  }
  const double median = quantiles(reduced.values, std::vector{0.5})[0];
  samples.sample_stats = {chi2, reduced};
  samples.observation = obs;
  return median;
}

void sample(Options& o, CommandLine& line) {
  Log& log = line.log();
  o.chains.seed = o.cla.seed = line.common().seed;
  const OutputFile output{o.output, line.common().overwrite, line.config_json()};
  require_writable(output);
  const auto start = std::chrono::steady_clock::now();
  Backend& backend = backend_for(line.common().device);
  const nn::Prior prior = nn::read_prior(o.prior, backend);
  const bool posterior = !o.spectrum.empty();
  std::optional<Galaxy> galaxy;
  if (posterior) galaxy = open_galaxy(o, prior, log);

  const std::int64_t evaluations = std::int64_t(nn::euler_maruyama_times(o.chains.steps).size());
  const std::int64_t batches = (o.chains.count + o.chains.batch - 1) / o.chains.batch;
  log.say("sample: ", o.chains.count, " draws from the ",
          posterior ? "posterior by " + o.method : std::string("prior"), ", ", evaluations,
          " network evaluations each, on ", line.common().device, " with ", threads(), " threads");
  if (line.common().dry_run) return;

  const nn::Score prior_score = nn::prior_score(*prior.network, prior.sde);
  std::optional<SpectrumLikelihood> likelihood;
  std::optional<nn::DiagonalCla> cla;
  nn::Score score = prior_score;
  if (posterior) {
    std::vector<std::uint8_t> used;
    for (std::uint32_t mask : galaxy->observation.mask) used.push_back(mask == 0);
    likelihood.emplace(*galaxy->model, prior.normalization, galaxy->observation.flux,
                       galaxy->observation.ivar, used);
    cla.emplace(*likelihood, Tensor({1, prior.length, 2}, DType::f32, backend), o.cla);
    score = [&](const Tensor& x, double t) {
      Tensor total = prior_score(x, t);
      backend.scale(1, cla->score(x, prior.sde.sigma(t)), {total, true});
      return total;
    };
  }

  Progress progress(log, evaluations * batches, "sampling");
  const Eigen::MatrixXd histories = run_chains(prior, score, o.chains, [&] { progress.advance(); });

  Samples samples;
  samples.posterior = posterior;
  samples.bin_edges_gyr = prior.bin_edges_gyr;
  add_histories(samples, histories);
  const physics::TimeBins bins{prior.bin_edges_gyr};
  const double redshift = posterior ? galaxy->observation.redshift : 0;
  add_derived(samples, histories,
              physics::DerivedModel(bins, redshift, posterior ? &galaxy->grid : nullptr));
  samples.constants = {{"redshift", "", {redshift}},
                       {"age_of_universe_gyr", "Gyr", {physics::age_gyr(redshift)}}};
  samples.attributes = {{"method", posterior ? o.method : std::string("prior")},
                        {"sampler", o.sampler},
                        {"seed", std::int64_t(line.common().seed)},
                        {"network_evaluations", evaluations * o.chains.count},
                        {"sha256_prior", sha256_of_file(o.prior)}};
  if (posterior) {
    const double chi2 = add_spectra(samples, histories, *galaxy);
    samples.constants.push_back({"a_v", "mag", {galaxy->observation.a_v}});
    samples.constants.push_back(
        {"luminosity_distance_mpc", "Mpc", {physics::luminosity_distance_mpc(redshift)}});
    samples.attributes.emplace_back("forward_evaluations",
                                    cla->forward_evaluations() + o.chains.count);
    samples.attributes.emplace_back("sha256_ssp", sha256_of_file(o.ssp));
    samples.attributes.emplace_back("sha256_spectrum", sha256_of_file(o.spectrum));
    samples.attributes.emplace_back("clipped_fraction",
                                    double(cla->clipped()) / double(evaluations * o.chains.count));
    log.say("sample: median reduced chi2 ", chi2, "; the likelihood score was clipped in ",
            100 * double(cla->clipped()) / double(evaluations * o.chains.count),
            " % of evaluations");
  }
  const double seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  samples.attributes.emplace_back("wall_seconds", seconds);
  write_samples(output, samples);
  log.say("sample: ", o.output.string(), " written after ", duration_text(seconds));
}

} // namespace

int main(int argc, char** argv) {
  Options o;
  CommandLine line("sample",
                   "Draws histories from a prior, or from the posterior of an observed galaxy.");
  line.input("--prior", o.prior, "the prior (lookback-prior)");
  line.output(o.output, "the draws (lookback-samples)");
  line.option("--count", o.chains.count, "N", "draws")->check(in_range(1, 10000000));
  line.choice("--sampler", o.sampler, {"euler-maruyama"}, "integrator of the reverse SDE");
  line.option("--steps", o.chains.steps, "N", "steps of the sampler")->check(in_range(1, 1000000));
  line.option("--batch", o.chains.batch, "N", "chains at a time; results do not depend on it")
      ->check(in_range(1, 100000));
  line.option("--spectrum", o.spectrum, "FILE",
              "observed spectrum: SDSS FITS, lookback-spectra, or text");
  line.option("--index", o.index, "N", "row of a lookback-spectra file");
  line.option("--ssp", o.ssp, "FILE", "stellar-population grid (lookback-ssp)");
  line.option("--redshift", o.redshift, "Z", "in place of the spectrum's");
  line.option("--a-v", o.a_v, "MAG", "Calzetti attenuation; default: the mock's own, else 0");
  line.choice("--method", o.method, {"cla-diagonal"}, "posterior method");
  line.option("--cla-draws", o.cla.draws, "N", "draws for the diagonal of A A^T");
  line.option("--clip", o.cla.clip, "C",
              "cut sigma |likelihood score| to C sqrt(elements); 0: never");
  line.choice("--mask-policy", o.mask_policy, {"and", "or", "none"},
              "SDSS mask searched for BRIGHTSKY");
  line.option("--mask", o.masks, "LO:HI ...",
              "observed wavelengths to leave out [Angstrom, vacuum]");
  line.flag("--keep-emission-lines", o.keep_emission_lines, "do not mask nebular lines");
  line.option("--text-flux-unit", o.text_flux_unit, "UNIT",
              "erg/s/cm2/Angstrom of a text spectrum's flux and error");
  line.option("--text-angstrom-per-unit", o.angstrom_per_unit, "A",
              "of a text spectrum's wavelengths (nm: 10)");
  line.flag("--text-air", o.air, "a text spectrum's wavelengths are in air");
  line.add_seed();
  line.add_device();
  line.add_dry_run();
  return line.run(argc, argv, [&] { sample(o, line); });
}
