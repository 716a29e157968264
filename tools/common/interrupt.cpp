// Ctrl-C and SIGTERM. The handler does only what is async-signal-safe.
#include "tools/common/interrupt.hpp"

#include "engine/atomic_file.hpp"

#include <csignal>

#include <unistd.h>

namespace lookback::tools {

namespace {

constexpr int exit_interrupted = 130;
volatile std::sig_atomic_t graceful = 0, signalled = 0;

extern "C" void on_signal(int) {
  const bool first = signalled == 0;
  signalled = 1;
  if (first && graceful) return;
  remove_pending_outputs();
  _exit(exit_interrupted);
}

} // namespace

void catch_signals() {
  struct sigaction action = {};
  action.sa_handler = on_signal;
  action.sa_flags = SA_RESTART;
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
}

void allow_graceful_stop() {
  graceful = 1;
}
bool interrupted() {
  return signalled != 0;
}

} // namespace lookback::tools
