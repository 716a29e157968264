// Progress of a long job: on a terminal a bar with the time left and one free field, elsewhere a
// line every 10 %. A finishing line tells the time taken.
//
//   Progress progress(log, steps, "sampling");
//   for (...) progress.advance(1, "sigma 0.31");
#pragma once

#include "tools/common/log.hpp"

#include <chrono>
#include <cstdint>
#include <string>

namespace lookback::tools {

// For one thread at a time.
class Progress {
public:
  Progress(Log& log, std::int64_t total, std::string label);
  ~Progress(); // an unfinished bar is left standing and its line ended
  Progress(const Progress&) = delete;

  // `note` replaces the free field; "" keeps it.
  void advance(std::int64_t steps = 1, const std::string& note = "");
  // Where a job resumes: steps that were done before and take no part in the estimate.
  void start_at(std::int64_t done);
  // Called by advance() when the total is reached.
  void finish();

private:
  using Clock = std::chrono::steady_clock;
  double seconds() const;
  std::string bar() const;
  void draw(bool ended);

  Log& log_;
  std::int64_t total_, done_ = 0, first_ = 0;
  std::string label_, note_;
  bool terminal_, finished_ = false;
  int shown_tenths_ = 0;
  Clock::time_point start_ = Clock::now(), drawn_{};
};

// "0.4 s", "12 s", "3 min 05 s", "2 h 07 min".
std::string duration_text(double seconds);

} // namespace lookback::tools
