#include "tools/common/checkpoints.hpp"

#include "engine/hdf5.hpp"

#include <algorithm>

namespace lookback::tools {
namespace {

using Names = std::vector<std::string>;

// They may change from one run to the next; the histories are compared by their content.
const Names free_options = {"histories",    "output", "resume", "log",       "checkpoint-minutes",
                            "report-steps", "keep",   "device", "threads",   "quiet",
                            "log-json",     "config", "epochs", "overwrite", "dry-run",
                            "compact",      "mixture"};
const Names told_options = {"learning-rate", "warmup", "clip", "ema-decay", "schedule"};

bool contains(const Names& names, const std::string& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

} // namespace

Checkpoints::Checkpoints(std::filesystem::path output, int keep, double minutes, std::string config,
                         std::optional<std::int64_t> resumed_at)
    : output_(std::move(output)), keep_(keep), minutes_(minutes), config_(std::move(config)),
      step_(resumed_at) {}

bool Checkpoints::due() const {
  return std::chrono::duration<double>(Clock::now() - time_).count() >= 60 * minutes_;
}

void Checkpoints::save(const nn::Prior& prior, const nn::TrainingState& state) {
  if (step_ == state.optimizer.step) return;
  if (step_) keep_earlier();
  nn::write_prior(output_, prior, &state, config_, true);
  step_ = state.optimizer.step;
  time_ = Clock::now();
}

// The output is there at every moment: it gets a second name, and write_prior replaces it.
void Checkpoints::keep_earlier() const {
  const auto earlier = [&](int i) { return output_.string() + "." + std::to_string(i); };
  for (int i = keep_ - 2; i >= 1; --i)
    if (std::filesystem::exists(earlier(i))) std::filesystem::rename(earlier(i), earlier(i + 1));
  if (keep_ < 2) return;
  std::filesystem::remove(earlier(1));
  std::error_code error;
  std::filesystem::create_hard_link(output_, earlier(1), error);
  require(!error, "cannot keep an earlier checkpoint as '", earlier(1), "' (", error.message(),
          "); give --keep 1");
}

std::string Checkpoints::last_good() const {
  if (!step_) return "no checkpoint was written before";
  return "the last good checkpoint is '" + output_.string() + "', of step " +
         std::to_string(*step_) + ", from which --resume goes on";
}

void check_resumed_options(const std::filesystem::path& prior, const Json& now, Log& log) {
  const H5Reader file(prior);
  if (!file.has_attribute("/", "config")) return;
  const Json before = Json::parse(file.text("/", "config"), nullptr, false);
  if (!before.is_object()) return;
  for (const auto& [name, value] : now.items()) {
    if (!before.contains(name) || before[name] == value || contains(free_options, name)) continue;
    require(contains(told_options, name), "'", prior.string(), "' was trained with --", name, ' ',
            before[name].dump(), ", this run has ", value.dump(),
            "; --resume needs the options as before");
    log.say("train: --", name, " is ", value.dump(), " from here on, it was ", before[name].dump());
  }
}

} // namespace lookback::tools
