#include "tools/common/training_reports.hpp"

#include "nn/validation.hpp"

#include <cmath>
#include <numeric>

namespace lookback::tools {

TrainingReports::TrainingReports(std::int64_t steps_between, const nn::TrainingOptions& options,
                                 nn::Prior& prior, const nn::TrainingState& state,
                                 std::vector<float> validation, Log& log)
    : steps_between_(steps_between), options_(options), prior_(prior), state_(state),
      validation_(std::move(validation)), log_(log) {}

void TrainingReports::open_table(const std::filesystem::path& file, bool overwrite,
                                 std::optional<std::int64_t> resumed_at) {
  std::ostringstream columns;
  columns << "step,epoch,loss,gradient_norm,learning_rate,histories_per_second,seconds";
  if (!validation_.empty()) columns << ",validation_loss";
  for (int level = 0; level < nn::validation_levels && !validation_.empty(); ++level)
    columns << ",validation_loss_sigma_"
            << prior_.sde.sigma(nn::validation_time(prior_.sde, level));
  csv_.open(file, columns.str(), overwrite, resumed_at);
}

std::string TrainingReports::add(const nn::Trainer::Step& step, bool last) {
  ++steps_;
  loss_ += (step.loss - loss_) / double(steps_);
  norm_ += (step.gradient_norm - norm_) / double(steps_);
  std::ostringstream note;
  note.precision(4);
  note << "loss " << loss_ << ", gradient " << norm_ << ", rate " << rate() << ", " << speed()
       << " histories/s";
  if (last || state_.optimizer.step % steps_between_ == 0) report();
  if (!validation_losses_.empty()) note << ", held out " << mean_validation();
  return note.str();
}

double TrainingReports::seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

double TrainingReports::rate() const {
  return options_.optimizer.rate(state_.optimizer.step - 1);
}

double TrainingReports::speed() const {
  return std::round(double(steps_ * options_.batch) / seconds_since(interval_));
}

double TrainingReports::mean_validation() const {
  return std::accumulate(validation_losses_.begin(), validation_losses_.end(), 0.0) /
         double(validation_losses_.size());
}

void TrainingReports::report() {
  std::vector<double> row = {
      double(state_.optimizer.step), double(state_.losses.size()), loss_, norm_, rate(), speed(),
      seconds_since(start_)};
  if (!validation_.empty()) {
    validation_losses_ = nn::validation_losses(prior_, state_, validation_, options_.seed);
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

} // namespace lookback::tools
