// Ctrl-C and SIGTERM.
#pragma once

#include <exception>

namespace lookback::tools {

// From now on Ctrl-C and SIGTERM remove unfinished outputs and leave with 130 at once.
// CommandLine::run calls it.
void catch_signals();

// After this, the first of them only makes interrupted() true, so that a loop can save its state
// and throw Interrupted; a second one leaves at once.
void allow_graceful_stop();
bool interrupted();

// Thrown by a tool that has saved its state after interrupted() became true: exit code 130.
struct Interrupted : std::exception {
  const char* what() const noexcept override { return "interrupted"; }
};

} // namespace lookback::tools
