// Outputs appear whole or not at all: the file is written under a temporary name in the target's
// folder, flushed to disk and renamed. What is not committed is removed, by the destructor or, when
// a signal ends the process, by remove_pending_outputs(); what a killed process left, by the next
// one on that machine that writes the same target.
#pragma once

#include <filesystem>

namespace lookback {

class AtomicFile {
public:
  // Errors: folder missing or not writable; target exists and overwrite is false, or is not a file.
  AtomicFile(std::filesystem::path target, bool overwrite);
  ~AtomicFile();
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;

  const std::filesystem::path& target() const { return target_; }
  const std::filesystem::path& temporary() const { return temporary_; } // does not exist at first

  // The temporary must be closed. Flushes it and its folder to disk and gives it its name.
  void commit();

private:
  void check_target() const;

  std::filesystem::path target_, temporary_;
  bool overwrite_;
  int slot_ = -1; // in the table of pending temporaries; -1 once committed
};

// Unlinks every temporary not yet committed. Async-signal-safe, for a signal handler that then
// exits.
void remove_pending_outputs() noexcept;

} // namespace lookback
