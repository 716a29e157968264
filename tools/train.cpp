// Trains a prior on histories by denoising score matching.
#include "engine/parallel.hpp"
#include "nn/average_weights.hpp"
#include "nn/trainer.hpp"
#include "tools/common/checkpoints.hpp"
#include "tools/common/command_line.hpp"
#include "tools/common/progress.hpp"
#include "tools/common/ranks.hpp"
#include "tools/common/training_reports.hpp"
#include "tools/files/histories.hpp"
#include "tools/inference/gaussian_mixture.hpp"
#include "tools/inference/mixture_of_draws.hpp"

#include <cmath>
#include <string_view>

using namespace lookback;
using namespace lookback::tools;

namespace {

struct Options {
  std::filesystem::path histories, output, log;
  bool resume = false;
  double checkpoint_minutes = 10;
  int keep = 3;
  std::int64_t report_steps = 1000;
  nn::NcsnppConfig network{.channels = 2, .nf = 64, .ch_mult = {1, 2, 2, 4}};
  nn::VeSde sde;
  nn::TrainingOptions training;
  std::string sfr_variable = "asinh", schedule = "cosine", preconditioning = "edm",
              precision = "fp32";
  double sfr_floor = 0.001;
  bool published = false;
  int mixture = 8;
  std::filesystem::path compact;
};

// What is held out where the file does not say (is_test).
constexpr double held_out_share = 0.1;
// At most so many of them, evenly spread, are used: the noise of their mean loss is then below 1 %.
constexpr std::int64_t most_validation_histories = 256;
// Of the trained prior, to fit its mixture to; no more than there are histories.
constexpr std::int64_t most_mixture_draws = 6000;

struct Split {
  std::vector<float> training, validation; // [N, L, 2] histories, then standardised variables
};

Split split(const Histories& h, std::uint64_t seed) {
  const Stream stream{.seed = seed, .purpose = Purpose::split};
  std::vector<std::int64_t> training, held_out;
  for (std::int64_t n = 0; n < h.count; ++n) {
    const bool out = h.is_test.empty() ? stream.uniform(std::uint64_t(n)) < held_out_share
                                       : h.is_test[std::size_t(n)] != 0;
    (out ? held_out : training).push_back(n);
  }
  Split result;
  const auto append = [&](std::vector<float>& data, std::int64_t n) {
    for (std::int64_t i = n * h.bins; i < (n + 1) * h.bins; ++i) {
      data.push_back(h.sfr_msun_per_yr[std::size_t(i)]);
      data.push_back(h.log_z_zsun[std::size_t(i)]);
    }
  };
  for (std::int64_t n : training) append(result.training, n);
  const auto count = std::int64_t(held_out.size()),
             used = std::min(count, most_validation_histories);
  for (std::int64_t k = 0; k < used; ++k)
    append(result.validation, held_out[std::size_t(k * count / used)]);
  return result;
}

const std::string channel_names[] = {"sfr_msun_per_yr", "log_z_zsun"};

nn::Prior new_prior(const Options& o, const Histories& h, std::vector<float> data,
                    Backend& backend) {
  nn::Prior prior;
  prior.config = o.network;
  prior.sde = o.sde;
  prior.length = h.bins;
  const nn::SfrVariable variable = nn::sfr_variable(o.sfr_variable);
  nn::to_variables(data, h.bins, 2, variable, o.sfr_floor);
  prior.normalization = nn::normalization_of(data, h.bins, channel_names);
  prior.normalization.sfr = variable;
  prior.normalization.floor = variable == nn::SfrVariable::linear ? 0 : o.sfr_floor;
  prior.bin_edges_gyr = h.bin_edges_gyr;
  prior.network = std::make_unique<nn::Ncsnpp>(prior.config, backend);
  prior.network->params().initialise(o.training.seed);
  require(h.bins % prior.config.length_divisor() == 0, o.histories.string(), ": ", h.bins,
          " bins are not a multiple of ", prior.config.length_divisor(),
          ", which --ch-mult asks for");
  return prior;
}

// Errors: the histories are not those that the prior was trained on.
void require_same_histories(const Options& o, const nn::Prior& prior, const Histories& h,
                            std::vector<float> data) {
  const auto resumable = [&](bool same, const char* what) {
    require(same, o.output.string(), " and ", o.histories.string(), " have different ", what,
            "; resume with the histories that the prior was trained on");
  };
  resumable(prior.bin_edges_gyr == h.bin_edges_gyr, "bin_edges_gyr");
  const nn::Normalization& before = prior.normalization;
  nn::to_variables(data, h.bins, 2, before.sfr, before.floor);
  const nn::Normalization now = nn::normalization_of(data, h.bins, channel_names);
  constexpr double rounding = 1e-6; // machines may round the variables differently
  for (std::size_t i = 0; i < now.mean.size(); ++i)
    resumable(std::abs(now.mean[i] - before.mean[i]) <= rounding * before.std[i] &&
                  std::abs(now.std[i] - before.std[i]) <= rounding * before.std[i],
              "means and standard deviations");
}

// What every rank starts from.
struct Start {
  nn::Prior prior;
  nn::TrainingState state;
  Split data;
};

// The publication's variables, network and loss, and score_models' learning rate.
void choose_published(Options& o) {
  o.sfr_variable = "linear";
  o.schedule = "constant";
  o.preconditioning = "none";
  o.training.loss = {};
}

Start start(Options& o, CommandLine& line) {
  if (o.published) choose_published(o);
  o.network.preconditioned = o.preconditioning == "edm";
  o.training.seed = line.common().seed;
  require(o.resume || line.common().overwrite || !std::filesystem::exists(o.output),
          o.output.string(),
          ": exists; give --overwrite to replace it or --resume to go on from it");
  Backend& backend = backend_for(line.common().device);
  backend.set_precision(precision_named(o.precision));
  const Histories h = read_histories(o.histories);
  Split data = split(h, o.training.seed);

  nn::Prior prior;
  std::optional<nn::TrainingState> state;
  if (o.resume) {
    prior = nn::read_prior(o.output, backend);
    state = nn::read_training(o.output, prior);
    require(state.has_value(), o.output.string(),
            ": holds no training state; it cannot be resumed");
    check_resumed_options(o.output, line.config(), line.log());
    require_same_histories(o, prior, h, data.training);
  } else {
    prior = new_prior(o, h, data.training, backend);
    state.emplace(nn::TrainingState{nn::Optimizer(prior.network->params()), {}});
  }
  for (std::vector<float>* part : {&data.training, &data.validation}) {
    const nn::Normalization& n = prior.normalization;
    nn::to_variables(*part, prior.length, 2, n.sfr, n.floor);
    nn::standardise(*part, n, prior.length);
  }
  const std::int64_t samples = std::int64_t(data.training.size()) / (2 * prior.length);
  o.mixture = int(std::min<std::int64_t>(o.mixture, samples / 2));
  if (o.mixture > 0 && !prior.mixture) // until there is a network to draw from
    prior.mixture =
        stored(fit_mixture(data.training, 2 * prior.length, o.mixture, o.training.seed));
  if (o.schedule == "cosine")
    o.training.optimizer.cosine_steps = samples / o.training.batch * o.training.epochs;
  return {std::move(prior), std::move(*state), std::move(data)};
}

// Errors: ranks that would not hold the same weights after a step.
void require_same_start(Communicator& ranks, const Start& s) {
  if (ranks.size() == 1) return;
  const auto digest = [](const auto& values) {
    const std::string_view bytes(reinterpret_cast<const char*>(values.data()),
                                 values.size() * sizeof(values[0]));
    return std::to_string(std::hash<std::string_view>()(bytes));
  };
  ranks.require_same(cpu_instruction_set(), "CPU instruction set",
                     "set LOOKBACK_ISA to one that all of them have");
  ranks.require_same(digest(s.data.training), "content of --histories",
                     "all ranks must read the same file");
  ranks.require_same(std::to_string(s.state.optimizer.step) + ' ' +
                         digest(s.prior.network->params().flat().values<float>()),
                     "state to start from", "all ranks must read the same output file");
}

void train(Options& o, CommandLine& line, Communicator& ranks) {
  Log& log = line.log();
  const bool first = ranks.rank() == 0;
  share_cores(line.common().threads, ranks);
  if (line.common().device == "cuda") choose_gpu(ranks);
  std::optional<Start> made;
  ranks.together([&] { made.emplace(start(o, line)); });
  require_same_start(ranks, *made);
  auto& [prior, state, data] = *made;
  const std::int64_t samples = std::int64_t(data.training.size()) / (2 * prior.length);
  std::optional<nn::Trainer> trainer;
  ranks.together(
      [&] { trainer.emplace(prior, state, std::move(data.training), o.training, ranks); });
  log.say("train: ", samples, " histories of ", prior.length, " bins, ",
          prior.network->params().size(), " parameters, ", trainer->total_steps(), " steps of ",
          o.training.batch, " on ", line.common().device, " with ",
          ranks.size() == 1 ? "" : std::to_string(ranks.size()) + " ranks of ", threads(),
          " threads");
  if (line.common().dry_run) return;

  // Only the first rank writes.
  std::optional<Checkpoints> checkpoints;
  std::optional<TrainingReports> reports;
  ranks.together([&] {
    if (!first) return;
    std::optional<std::int64_t> resumed_at;
    if (o.resume) resumed_at = state.optimizer.step;
    checkpoints.emplace(o.output, o.keep, o.checkpoint_minutes, line.config_json(), resumed_at);
    reports.emplace(o.report_steps, o.training, prior, state, std::move(data.validation), log);
    if (!o.log.empty()) reports->open_table(o.log, line.common().overwrite, resumed_at);
  });
  const auto save = [&] {
    ranks.together([&] {
      if (first) checkpoints->save(prior, state);
    });
  };
  // A launcher that ends the job because a rank was killed sends SIGTERM, then SIGKILL.
  bool said = false;
  ranks.while_waiting([&] {
    if (!first || said || !interrupted()) return;
    log.say("train: told to stop; ", checkpoints->last_good());
    said = true;
  });
  allow_graceful_stop();
  Progress progress(log, trainer->total_steps(), "training");
  progress.start_at(state.optimizer.step);
  while (state.optimizer.step < trainer->total_steps()) {
    nn::Trainer::Step step;
    try {
      step = trainer->step();
    } catch (const nn::Diverged& error) {
      throw SharedError(std::string(error.what()) + "; " + (first ? checkpoints->last_good() : ""));
    }
    const bool last = state.optimizer.step == trainer->total_steps();
    progress.advance(1, first ? reports->add(step, last) : "");
    const bool stop = ranks.any(interrupted()), due = ranks.any(first && checkpoints->due());
    if (due || stop) save();
    if (!stop) continue;
    log.say("train: stopped at step ", state.optimizer.step, "; go on with --resume");
    throw Interrupted();
  }
  ranks.together([&] {
    if (!first || o.mixture == 0) return;
    const std::int64_t draws = std::min(samples, most_mixture_draws);
    log.say("train: fitting ", o.mixture, " Gaussians to ", draws, " draws of the prior");
    const nn::AverageWeights average(prior, state);
    prior.mixture = mixture_of_draws(prior, o.mixture, draws, o.training.seed);
  });
  save();
  if (first && !o.compact.empty())
    nn::write_compact_prior(o.compact, prior, state.optimizer.average, line.config_json(),
                            line.common().overwrite);
  log.say("train: ", o.output.string(), " written, loss ",
          state.losses.empty() ? NAN : state.losses.back());
}

} // namespace

int main(int argc, char** argv) {
  Options o;
  o.training.loss.weight = "edm";
  o.training.loss.times = "log-normal";
  CommandLine line("train",
                   "Trains a score-based prior over star-formation and metallicity histories.");
  line.input("--histories", o.histories,
             "histories to learn (lookback-histories); held-out ones are left out");
  line.output(o.output, "the prior (lookback-prior), checkpoints included");
  line.flag("--resume", o.resume, "go on from the state in the output file");
  line.option("--epochs", o.training.epochs, "N",
              "passes over the histories, earlier runs included")
      ->check(in_range(1, 100000000));
  line.option("--batch", o.training.batch, "N", "histories a step, of all ranks together")
      ->check(in_range(1, 1 << 20));
  line.choice("--precision", o.precision, {"fp32", "tf32", "bf16"},
              "factors of convolutions (tf32: cuda alone; cpu rounds no gradients)");
  line.option("--learning-rate", o.training.optimizer.learning_rate, "RATE", "Adam's step size")
      ->check(in_range(0.0, 1.0));
  line.option("--warmup", o.training.optimizer.warmup, "STEPS",
              "steps over which the rate grows from 0");
  line.option("--clip", o.training.optimizer.clip, "NORM",
              "largest L2 norm of the gradient; 0: no clipping");
  line.option("--ema-decay", o.training.optimizer.ema_decay, "DECAY",
              "of the moving average of the weights")
      ->check(in_range(0.0, 1.0));
  line.option("--nf", o.network.nf, "N", "channels of the first level (a multiple of 8)");
  line.option("--ch-mult", o.network.ch_mult, "N ...", "channels of each level, in units of nf");
  line.option("--num-res-blocks", o.network.num_res_blocks, "N", "residual blocks a level");
  line.flag("--published", o.published,
            "as the publication: --sfr-variable linear --preconditioning none --loss-weight none "
            "--times uniform --schedule constant");
  line.choice("--sfr-variable", o.sfr_variable, {"linear", "asinh", "relative"},
              "what the network sees of star-formation rates: SFR, asinh(SFR/floor), or "
              "asinh(SFR/(floor m)) + ln m with the galaxy's mean rate m");
  line.option("--sfr-floor", o.sfr_floor, "F",
              "rates below it are not resolved; in Msun/yr (asinh) or of the mean rate (relative)");
  line.choice("--preconditioning", o.preconditioning, {"edm", "none"},
              "edm: scale the network's input and output with sigma (Karras et al. 2022)");
  line.option(
          "--mixture", o.mixture, "K",
          "Gaussians fitted to draws of the trained prior, from which sample takes covariances; no "
          "more than half as many as there are histories; 0: none")
      ->check(in_range(0, 1000));
  line.option("--compact", o.compact, "FILE",
              "also a prior without the state of training, its weights in half precision");
  line.choice("--loss-weight", o.training.loss.weight, {"none", "edm", "min-snr"},
              "weight of the loss by sigma: 1, 1 + sigma^2, min(1, gamma sigma^2)");
  line.option("--min-snr-gamma", o.training.loss.min_snr_gamma, "GAMMA",
              "of --loss-weight min-snr");
  line.choice("--times", o.training.loss.times, {"uniform", "stratified", "log-normal"},
              "how noise levels are drawn: ln sigma uniform, one in each of --batch equal parts, "
              "or normal");
  line.option("--log-sigma-mean", o.training.loss.log_sigma_mean, "MEAN",
              "of ln sigma, with --times log-normal");
  line.option("--log-sigma-deviation", o.training.loss.log_sigma_deviation, "DEVIATION",
              "of ln sigma, with --times log-normal")
      ->check(in_range(0.0, 10.0));
  line.choice("--schedule", o.schedule, {"constant", "cosine"},
              "of the learning rate after the warm-up; cosine: down to 0 at the last step");
  line.option("--sigma-min", o.sde.sigma_min, "SIGMA", "smallest noise level");
  line.option("--sigma-max", o.sde.sigma_max, "SIGMA", "largest noise level");
  line.option("--checkpoint-minutes", o.checkpoint_minutes, "MIN",
              "time between checkpoints; 0: every step")
      ->check(in_range(0.0, 1e6));
  line.option("--keep", o.keep, "N", "checkpoints kept: the output, then output.1, output.2 ...")
      ->check(in_range(1, 1000));
  line.option("--report-steps", o.report_steps, "STEPS",
              "steps between two losses of held-out histories by noise level and lines of --log")
      ->check(in_range<std::int64_t>(1, 1000000000));
  line.option("--log", o.log, "FILE", "table of the losses (CSV); --resume goes on with it");
  line.add_seed();
  line.add_device();
  line.add_dry_run();
  line.set_rank(std::max(0, launched().rank));
  return line.run(argc, argv,
                  [&] { with_ranks([&](Communicator& ranks) { train(o, line, ranks); }); });
}
