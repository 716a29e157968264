#include "engine/atomic_file.hpp"

#include "engine/error.hpp"

#include <array>
#include <atomic>
#include <cerrno>
#include <charconv>
#include <climits>
#include <csignal>
#include <cstring>
#include <fcntl.h>
#include <string_view>
#include <unistd.h>

namespace lookback {
namespace {

// A fixed table, since a signal handler may neither allocate nor lock.
struct PendingPath {
  std::atomic<bool> taken = false, ready = false;
  char path[PATH_MAX];
};
std::array<PendingPath, 16> pending;

int add_pending(const std::string& path) {
  require(path.size() < PATH_MAX, "the path '", path, "' is too long");
  for (std::size_t i = 0; i < pending.size(); ++i) {
    bool expected = false;
    if (!pending[i].taken.compare_exchange_strong(expected, true)) continue;
    std::memcpy(pending[i].path, path.c_str(), path.size() + 1);
    pending[i].ready = true;
    return int(i);
  }
  fail("cannot write '", path, "': more than ", pending.size(), " outputs are open at once");
}

void drop_pending(int slot) {
  pending[slot].ready = false;
  pending[slot].taken = false;
}

void flush_to_disk(const std::filesystem::path& path, int flags) {
  const int descriptor = ::open(path.c_str(), flags | O_CLOEXEC);
  require(descriptor >= 0, "cannot open '", path.string(), "': ", std::strerror(errno));
  const bool flushed = ::fsync(descriptor) == 0 || errno == EINVAL; // EINVAL: nothing to flush
  const int error = errno;
  ::close(descriptor);
  require(flushed, "cannot write '", path.string(), "' to disk: ", std::strerror(error));
}

// Temporaries carry the machine's name and the process's number, so that what a killed process left
// can be told from what another one, here or elsewhere, is writing.
std::string temporary_prefix(const std::filesystem::path& target) {
  char host[256] = {};
  ::gethostname(host, sizeof host - 1);
  return "." + target.filename().string() + "." + host + ".";
}
constexpr std::string_view temporary_suffix = ".tmp";

void remove_leftovers(const std::filesystem::path& folder, const std::string& prefix) {
  std::error_code ignored;
  for (const auto& entry : std::filesystem::directory_iterator(folder, ignored)) {
    const std::string name = entry.path().filename().string();
    if (!name.starts_with(prefix) || !name.ends_with(temporary_suffix)) continue;
    const char* const end = name.data() + name.size() - temporary_suffix.size();
    pid_t process = 0;
    const auto [last, error] = std::from_chars(name.data() + prefix.size(), end, process);
    if (error != std::errc() || last != end || process <= 0) continue;
    if (process == ::getpid() || (::kill(process, 0) != 0 && errno == ESRCH))
      ::unlink(entry.path().c_str());
  }
}

} // namespace

void remove_pending_outputs() noexcept {
  for (const PendingPath& entry : pending)
    if (entry.ready) ::unlink(entry.path);
}

AtomicFile::AtomicFile(std::filesystem::path target, bool overwrite)
    : target_(std::filesystem::absolute(target)), overwrite_(overwrite) {
  require(target_.has_filename(), "'", target.string(), "' is no file name for an output");
  check_target();
  const auto folder = target_.parent_path();
  std::error_code ignored;
  require(std::filesystem::is_directory(folder, ignored), "cannot write '", target.string(),
          "': there is no folder '", folder.string(), "'");
  require(::access(folder.c_str(), W_OK) == 0, "cannot write '", target.string(), "': the folder '",
          folder.string(), "' is not writable");
  const std::string prefix = temporary_prefix(target_);
  remove_leftovers(folder, prefix);
  temporary_ = folder / (prefix + std::to_string(::getpid()) + std::string(temporary_suffix));
  slot_ = add_pending(temporary_.string());
}

AtomicFile::~AtomicFile() {
  if (slot_ < 0) return;
  ::unlink(temporary_.c_str());
  drop_pending(slot_);
}

void AtomicFile::check_target() const {
  std::error_code ignored;
  const auto status = std::filesystem::status(target_, ignored);
  if (!std::filesystem::exists(status)) return;
  require(std::filesystem::is_regular_file(status), "cannot write '", target_.string(),
          "': it is not a regular file");
  require(overwrite_, "'", target_.string(), "' exists; give --overwrite to replace it");
}

void AtomicFile::commit() {
  require(slot_ >= 0, "'", target_.string(), "' was committed before");
  check_target();
  flush_to_disk(temporary_, O_RDONLY);
  require(::rename(temporary_.c_str(), target_.c_str()) == 0, "cannot name the output '",
          target_.string(), "': ", std::strerror(errno));
  drop_pending(slot_);
  slot_ = -1;
  flush_to_disk(target_.parent_path(), O_RDONLY | O_DIRECTORY);
}

} // namespace lookback
