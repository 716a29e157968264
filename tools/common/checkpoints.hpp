// The file of a training: saved now and then, earlier states kept, gone on from.
#pragma once

#include "nn/prior.hpp"
#include "tools/common/command_line.hpp"

#include <chrono>
#include <filesystem>
#include <optional>
#include <string>

namespace lookback::tools {

// The output, and before it `keep` - 1 earlier states: prior.h5.1, the newest of them, prior.h5.2
// ...
class Checkpoints {
public:
  // `resumed_at`: the step of the output where a training goes on from it; what a process that was
  // killed while it saved has left is then removed.
  Checkpoints(std::filesystem::path output, int keep, double minutes, std::string config,
              std::optional<std::int64_t> resumed_at);

  bool due() const;
  // Does nothing where this step is saved already. Errors: cannot be written.
  void save(const nn::Prior& prior, const nn::TrainingState& state);
  // "the last good checkpoint is ...", or that there is none.
  std::string last_good() const;

private:
  using Clock = std::chrono::steady_clock;
  void keep_earlier() const;

  std::filesystem::path output_;
  int keep_;
  double minutes_;
  std::string config_;
  std::optional<std::int64_t> step_; // of the output, where it is of this training
  Clock::time_point time_ = Clock::now();
};

// Compares the options with those in the attribute `config` of a prior to go on from. Errors: one
// that decides what is learned differs. One that decides how (the learning rate ...) is told.
void check_resumed_options(const std::filesystem::path& prior, const Json& now, Log& log);

} // namespace lookback::tools
