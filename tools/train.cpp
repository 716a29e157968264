// Trains a prior on histories by denoising score matching.
#include "engine/parallel.hpp"
#include "nn/trainer.hpp"
#include "nn/validation.hpp"
#include "tools/common/command_line.hpp"
#include "tools/common/csv_log.hpp"
#include "tools/common/progress.hpp"
#include "tools/files/histories.hpp"

#include <chrono>
#include <cmath>
#include <numeric>

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
  std::string sfr_variable = "linear", schedule = "constant";
  double sfr_floor = 0.02;
};

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

// What is held out where the file does not say (is_test).
constexpr double held_out_share = 0.1;
// At most so many of them, evenly spread, are used: the noise of their mean loss is then below 1 %.
constexpr std::int64_t most_validation_histories = 256;

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

void require_same_bins(const Options& o, const nn::Prior& prior, const Histories& h) {
  require(prior.bin_edges_gyr == h.bin_edges_gyr, o.output.string(), " and ", o.histories.string(),
          " have different bin_edges_gyr; resume with the histories that the prior was trained on");
}

// The output, and before it `keep` - 1 earlier states: prior.h5.1, the newest of them, prior.h5.2
// ...
struct Checkpoints {
  const Options& options;
  std::string config;
  std::optional<std::int64_t> step; // of the output, where it is of this training
  Clock::time_point time = Clock::now();

  bool due() const { return seconds_since(time) >= 60 * options.checkpoint_minutes; }

  void save(const nn::Prior& prior, const nn::TrainingState& state) {
    if (step == state.optimizer.step) return;
    if (step) keep_earlier();
    nn::write_prior(options.output, prior, &state, config, true);
    step = state.optimizer.step;
    time = Clock::now();
  }

  // The output is there at every moment: it gets a second name, and write_prior replaces it.
  void keep_earlier() const {
    const auto earlier = [&](int i) { return options.output.string() + "." + std::to_string(i); };
    for (int i = options.keep - 2; i >= 1; --i)
      if (std::filesystem::exists(earlier(i))) std::filesystem::rename(earlier(i), earlier(i + 1));
    if (options.keep < 2) return;
    std::filesystem::remove(earlier(1));
    std::error_code error;
    std::filesystem::create_hard_link(options.output, earlier(1), error);
    require(!error, "cannot keep an earlier checkpoint as '", earlier(1), "' (", error.message(),
            "); give --keep 1");
  }

  std::string last_good() const {
    if (!step) return "no checkpoint was written before";
    return "the last good checkpoint is '" + options.output.string() + "', of step " +
           std::to_string(*step) + ", from which --resume goes on";
  }
};

// Temporaries of processes that were killed while they saved.
void remove_leftovers(const std::filesystem::path& output) {
  const auto absolute = std::filesystem::absolute(output);
  const std::string prefix = "." + absolute.filename().string() + ".";
  for (const auto& entry : std::filesystem::directory_iterator(absolute.parent_path())) {
    const std::string name = entry.path().filename().string();
    if (name.starts_with(prefix) && name.ends_with(".tmp")) std::filesystem::remove(entry.path());
  }
}

// A line of the log every `report_steps` steps and at the end.
class Reports {
public:
  Reports(const Options& o, CommandLine& line, nn::Prior& prior, const nn::TrainingState& state,
          std::vector<float> validation)
      : o_(o), log_(line.log()), prior_(prior), state_(state), validation_(std::move(validation)) {
    if (o.log.empty()) return;
    std::ostringstream columns;
    columns << "step,epoch,loss,gradient_norm,learning_rate,histories_per_second,seconds";
    if (!validation_.empty()) columns << ",validation_loss";
    for (int level = 0; level < nn::validation_levels && !validation_.empty(); ++level)
      columns << ",validation_loss_sigma_"
              << prior.sde.sigma(nn::validation_time(prior.sde, level));
    std::optional<std::int64_t> resumed_at;
    if (o.resume) resumed_at = state.optimizer.step;
    csv_.open(o.log, columns.str(), line.common().overwrite, resumed_at);
  }

  // Takes a step in; the text for the progress bar.
  std::string add(const nn::Trainer::Step& step, bool last) {
    ++steps_;
    loss_ += (step.loss - loss_) / double(steps_);
    norm_ += (step.gradient_norm - norm_) / double(steps_);
    std::ostringstream note;
    note.precision(4);
    note << "loss " << loss_ << ", gradient " << norm_ << ", rate " << rate() << ", " << speed()
         << " histories/s";
    if (last || state_.optimizer.step % o_.report_steps == 0) report();
    if (!validation_losses_.empty()) note << ", held out " << mean_validation();
    return note.str();
  }

private:
  double rate() const { return o_.training.optimizer.rate(state_.optimizer.step - 1); }
  double speed() const {
    return std::round(double(steps_ * o_.training.batch) / seconds_since(interval_));
  }
  double mean_validation() const {
    return std::accumulate(validation_losses_.begin(), validation_losses_.end(), 0.0) /
           double(validation_losses_.size());
  }

  void report() {
    std::vector<double> row = {
        double(state_.optimizer.step), double(state_.losses.size()), loss_, norm_, rate(), speed(),
        seconds_since(start_)};
    if (!validation_.empty()) {
      validation_losses_ = nn::validation_losses(prior_, state_, validation_, o_.training.seed);
      row.push_back(mean_validation());
      row.insert(row.end(), validation_losses_.begin(), validation_losses_.end());
    }
    csv_.row(row);
    log_.event("training", {{"step", state_.optimizer.step},
                            {"epoch", state_.losses.size()},
                            {"loss", loss_},
                            {"gradient_norm", norm_},
                            {"learning_rate", rate()},
                            {"histories_per_second", speed()},
                            {"validation_losses", validation_losses_}});
    steps_ = 0;
    loss_ = norm_ = 0;
    interval_ = Clock::now();
  }

  const Options& o_;
  Log& log_;
  nn::Prior& prior_;
  const nn::TrainingState& state_;
  std::vector<float> validation_;
  std::vector<double> validation_losses_; // of the last report
  CsvLog csv_;
  std::int64_t steps_ = 0; // since the last report, as the means are
  double loss_ = 0, norm_ = 0;
  Clock::time_point start_ = Clock::now(), interval_ = start_;
};

void train(Options& o, CommandLine& line) {
  Log& log = line.log();
  o.training.seed = line.common().seed;
  require(o.resume || line.common().overwrite || !std::filesystem::exists(o.output),
          o.output.string(),
          ": exists; give --overwrite to replace it or --resume to go on from it");
  Backend& backend = backend_for(line.common().device);
  const Histories h = read_histories(o.histories);
  Split data = split(h, o.training.seed);

  nn::Prior prior;
  std::optional<nn::TrainingState> state;
  if (o.resume) {
    prior = nn::read_prior(o.output, backend);
    require_same_bins(o, prior, h);
    state = nn::read_training(o.output, prior);
    require(state.has_value(), o.output.string(),
            ": holds no training state; it cannot be resumed");
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
  if (o.schedule == "cosine")
    o.training.optimizer.cosine_steps = samples / o.training.batch * o.training.epochs;
  nn::Trainer trainer(prior, *state, std::move(data.training), o.training);
  log.say("train: ", samples, " histories of ", prior.length, " bins, ",
          prior.network->params().size(), " parameters, ", trainer.total_steps(), " steps of ",
          o.training.batch, " on ", line.common().device, " with ", threads(), " threads");
  if (line.common().dry_run) return;

  Checkpoints checkpoints{o, line.config_json(), {}};
  if (o.resume) {
    remove_leftovers(o.output);
    checkpoints.step = state->optimizer.step;
  }
  Reports reports(o, line, prior, *state, std::move(data.validation));
  allow_graceful_stop();
  Progress progress(log, trainer.total_steps(), "training");
  progress.start_at(state->optimizer.step);
  while (state->optimizer.step < trainer.total_steps()) {
    nn::Trainer::Step step;
    try {
      step = trainer.step();
    } catch (const Error& error) {
      fail(error.what(), "; ", checkpoints.last_good());
    }
    progress.advance(1, reports.add(step, state->optimizer.step == trainer.total_steps()));
    if (checkpoints.due() || interrupted()) checkpoints.save(prior, *state);
    if (!interrupted()) continue;
    log.say("train: stopped at step ", state->optimizer.step, "; go on with --resume");
    throw Interrupted();
  }
  checkpoints.save(prior, *state);
  log.say("train: ", o.output.string(), " written, loss ",
          state->losses.empty() ? NAN : state->losses.back());
}

} // namespace

int main(int argc, char** argv) {
  Options o;
  CommandLine line("train",
                   "Trains a score-based prior over star-formation and metallicity histories.");
  line.input("--histories", o.histories,
             "histories to learn (lookback-histories); held-out ones are left out");
  line.output(o.output, "the prior (lookback-prior), checkpoints included");
  line.flag("--resume", o.resume, "go on from the state in the output file");
  line.option("--epochs", o.training.epochs, "N",
              "passes over the histories, earlier runs included")
      ->check(in_range(1, 100000000));
  line.option("--batch", o.training.batch, "N", "histories a step")->check(in_range(1, 1 << 20));
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
  line.choice("--sfr-variable", o.sfr_variable, {"linear", "asinh", "relative"},
              "what the network sees of star-formation rates: SFR, asinh(SFR/floor), or "
              "asinh(SFR/(floor m)) + ln m with the galaxy's mean rate m");
  line.option("--sfr-floor", o.sfr_floor, "F",
              "rates below it are not resolved; in Msun/yr (asinh) or of the mean rate (relative)");
  line.flag("--preconditioned", o.network.preconditioned,
            "scale the network's input and output with sigma (Karras et al. 2022)");
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
  return line.run(argc, argv, [&] { train(o, line); });
}
