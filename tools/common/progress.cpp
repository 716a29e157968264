#include "tools/common/progress.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>

#include <sys/ioctl.h>
#include <unistd.h>

namespace lookback::tools {

namespace {

std::size_t terminal_columns() {
  winsize size{};
  return ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

} // namespace

std::string duration_text(double seconds) {
  char text[40];
  const auto whole = static_cast<long long>(std::llround(seconds));
  if (seconds < 9.95)
    std::snprintf(text, sizeof text, "%.1f s", seconds);
  else if (whole < 60)
    std::snprintf(text, sizeof text, "%lld s", whole);
  else if (whole < 3600)
    std::snprintf(text, sizeof text, "%lld min %02lld s", whole / 60, whole % 60);
  else
    std::snprintf(text, sizeof text, "%lld h %02lld min", whole / 3600, whole % 3600 / 60);
  return text;
}

Progress::Progress(Log& log, std::int64_t total, std::string label)
    : log_(log), total_(std::max<std::int64_t>(total, 1)), label_(std::move(label)),
      terminal_(isatty(STDERR_FILENO) != 0) {}

Progress::~Progress() {
  if (finished_ || log_.quiet() || !terminal_ || drawn_ == Clock::time_point{}) return;
  draw(true);
}

void Progress::start_at(std::int64_t done) {
  first_ = done_ = std::clamp<std::int64_t>(done, 0, total_);
  shown_tenths_ = static_cast<int>(10 * done_ / total_);
}

void Progress::advance(std::int64_t steps, const std::string& note) {
  done_ = std::min(done_ + steps, total_);
  if (!note.empty()) note_ = note;
  if (done_ == total_) return finish();
  const int tenths = static_cast<int>(10 * done_ / total_);
  const bool new_tenth = tenths > shown_tenths_;
  shown_tenths_ = tenths;
  if (new_tenth)
    log_.event("progress", {{"job", label_}, {"done", done_}, {"total", total_}, {"note", note_}});
  if (log_.quiet()) return;
  if (terminal_) {
    constexpr auto redraw_every = std::chrono::milliseconds(100);
    if (Clock::now() - drawn_ >= redraw_every) draw(false);
  } else if (new_tenth) {
    std::fprintf(stderr, "%s\n", bar().c_str());
  }
}

void Progress::finish() {
  if (finished_) return;
  finished_ = true;
  log_.event("finished", {{"job", label_}, {"job_seconds", seconds()}, {"note", note_}});
  if (log_.quiet()) return;
  std::fprintf(stderr, "%s%s: done in %s%s%s\n", terminal_ ? "\r\033[K" : "", label_.c_str(),
               duration_text(seconds()).c_str(), note_.empty() ? "" : ", ", note_.c_str());
}

double Progress::seconds() const {
  return std::chrono::duration<double>(Clock::now() - start_).count();
}

std::string Progress::bar() const {
  constexpr int cells = 24;
  const int full = static_cast<int>(cells * done_ / total_);
  std::string text = label_ + ' ';
  if (terminal_) text += '[' + std::string(full, '#') + std::string(cells - full, '.') + "] ";
  text += std::to_string(100 * done_ / total_) + " %";
  if (done_ > first_) {
    const double left = seconds() * double(total_ - done_) / double(done_ - first_);
    text += ", " + duration_text(left) + " left";
  }
  return note_.empty() ? text : text + ", " + note_;
}

void Progress::draw(bool ended) {
  drawn_ = Clock::now();
  std::fprintf(stderr, "\r\033[K%s%s", bar().substr(0, terminal_columns() - 1).c_str(),
               ended ? "\n" : "");
}

} // namespace lookback::tools
