// How training goes: a line every so many steps and at the end, with the loss of held-out histories
// by noise level.
#pragma once

#include "nn/trainer.hpp"
#include "tools/common/csv_log.hpp"
#include "tools/common/log.hpp"

#include <chrono>

namespace lookback::tools {

class TrainingReports {
public:
  // `validation` is [N, L, C], standardised; empty: no losses of held-out histories.
  TrainingReports(std::int64_t steps_between, const nn::TrainingOptions& options, nn::Prior& prior,
                  const nn::TrainingState& state, std::vector<float> validation, Log& log);
  // Keeps the lines as a table (csv_log.hpp).
  void open_table(const std::filesystem::path& file, bool overwrite,
                  std::optional<std::int64_t> resumed_at);
  // Takes a step in; the text for the progress bar.
  std::string add(const nn::Trainer::Step& step, bool last);

private:
  using Clock = std::chrono::steady_clock;
  static double seconds_since(Clock::time_point start);
  double rate() const;
  double speed() const; // histories a second
  double mean_validation() const;
  void report();

  std::int64_t steps_between_;
  nn::TrainingOptions options_;
  nn::Prior& prior_;
  const nn::TrainingState& state_;
  std::vector<float> validation_;
  Log& log_;
  std::vector<double> validation_losses_; // of the last report
  CsvLog csv_;
  std::int64_t steps_ = 0; // since the last report, as the means are
  double loss_ = 0, norm_ = 0;
  Clock::time_point start_ = Clock::now(), interval_ = start_;
};

} // namespace lookback::tools
