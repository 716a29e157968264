// Trains a prior on histories by denoising score matching.
#include "engine/parallel.hpp"
#include "nn/trainer.hpp"
#include "tools/common/command_line.hpp"
#include "tools/common/progress.hpp"
#include "tools/files/histories.hpp"

#include <chrono>

using namespace lookback;
using namespace lookback::tools;

namespace {

struct Options {
  std::filesystem::path histories, output;
  bool resume = false;
  double checkpoint_minutes = 10;
  nn::NcsnppConfig network{.channels = 2, .nf = 64, .ch_mult = {1, 2, 2, 4}};
  nn::VeSde sde;
  nn::TrainingOptions training;
};

// [N, L, 2] of the histories that are not held out.
std::vector<float> training_data(const Histories& h) {
  std::vector<float> data;
  for (std::int64_t n = 0; n < h.count; ++n) {
    if (!h.is_test.empty() && h.is_test[std::size_t(n)]) continue;
    for (int l = 0; l < h.bins; ++l) {
      data.push_back(h.sfr_msun_per_yr[std::size_t(n * h.bins + l)]);
      data.push_back(h.log_z_zsun[std::size_t(n * h.bins + l)]);
    }
  }
  return data;
}

const std::string channel_names[] = {"sfr_msun_per_yr", "log_z_zsun"};

nn::Prior new_prior(const Options& o, const Histories& h, const std::vector<float>& data,
                    Backend& backend) {
  nn::Prior prior;
  prior.config = o.network;
  prior.sde = o.sde;
  prior.length = h.bins;
  prior.normalization = nn::normalization_of(data, h.bins, channel_names);
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

void train(Options& o, CommandLine& line) {
  Log& log = line.log();
  o.training.seed = line.common().seed;
  require(o.resume || line.common().overwrite || !std::filesystem::exists(o.output),
          o.output.string(),
          ": exists; give --overwrite to replace it or --resume to go on from it");
  Backend& backend = backend_for(line.common().device);
  const Histories h = read_histories(o.histories);
  std::vector<float> data = training_data(h);

  nn::Prior prior;
  std::optional<nn::TrainingState> state;
  if (o.resume) {
    prior = nn::read_prior(o.output, backend);
    require_same_bins(o, prior, h);
    state = nn::read_training(o.output, prior);
    require(state.has_value(), o.output.string(),
            ": holds no training state; it cannot be resumed");
  } else {
    prior = new_prior(o, h, data, backend);
    state.emplace(nn::TrainingState{nn::Optimizer(prior.network->params()), {}});
  }
  nn::standardise(data, prior.normalization, prior.length);
  const std::int64_t samples = std::int64_t(data.size()) / (2 * prior.length);
  nn::Trainer trainer(prior, *state, std::move(data), o.training);
  log.say("train: ", samples, " histories of ", prior.length, " bins, ",
          prior.network->params().size(), " parameters, ", trainer.total_steps(), " steps of ",
          o.training.batch, " on ", line.common().device, " with ", threads(), " threads");
  if (line.common().dry_run) return;

  const auto save = [&] { nn::write_prior(o.output, prior, &*state, line.config_json(), true); };
  allow_graceful_stop();
  Progress progress(log, trainer.total_steps(), "training");
  progress.start_at(state->optimizer.step);
  auto saved = std::chrono::steady_clock::now();
  while (state->optimizer.step < trainer.total_steps()) {
    const std::size_t epochs = state->losses.size();
    const auto step = trainer.step();
    std::ostringstream note;
    note << "loss " << (state->losses.empty() ? float(step.loss) : state->losses.back());
    progress.advance(1, note.str());
    if (state->losses.size() > epochs)
      log.event("epoch", {{"epoch", state->losses.size()},
                          {"loss", state->losses.back()},
                          {"gradient_norm", step.gradient_norm}});
    const auto now = std::chrono::steady_clock::now();
    const bool due = std::chrono::duration<double>(now - saved).count() > 60 * o.checkpoint_minutes;
    if (due || interrupted()) save();
    if (interrupted()) {
      log.say("train: stopped at step ", state->optimizer.step, "; go on with --resume");
      throw Interrupted();
    }
    if (due) saved = now;
  }
  save();
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
  line.option("--sigma-min", o.sde.sigma_min, "SIGMA", "smallest noise level");
  line.option("--sigma-max", o.sde.sigma_max, "SIGMA", "largest noise level");
  line.option("--checkpoint-minutes", o.checkpoint_minutes, "MIN", "time between checkpoints");
  line.add_seed();
  line.add_device();
  line.add_dry_run();
  return line.run(argc, argv, [&] { train(o, line); });
}
