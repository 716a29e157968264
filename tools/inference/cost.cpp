#include "tools/inference/cost.hpp"

#include "engine/parallel.hpp"

#include <algorithm>
#include <chrono>
#include <fstream>
#include <sys/resource.h>
#include <unistd.h>

namespace lookback::tools {
namespace {

constexpr std::int64_t chains_per_thread = 16; // the likelihood's blocks: every thread has work
constexpr double enough_seconds = 0.3;         // of timing, against the machine's other work

double resident_bytes() {
  std::ifstream file("/proc/self/statm");
  double all = 0, resident = 0; // pages
  file >> all >> resident;
  return resident * double(::sysconf(_SC_PAGESIZE));
}

double peak_bytes() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  return 1024.0 * double(usage.ru_maxrss); // kB
}

} // namespace

Cost predicted_cost(std::int64_t count, std::int64_t batch, double evaluations,
                    const std::function<void(std::int64_t)>& few) {
  const std::int64_t chains = std::min({chains_per_thread * threads(), batch, count});
  const auto evaluate = [&] {
    const auto start = std::chrono::steady_clock::now();
    few(chains);
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  };
  const double before = resident_bytes();
  evaluate();
  double seconds = 0, timed = 0;
  for (; seconds < enough_seconds; ++timed) seconds += evaluate();
  const double of_chains = resident_bytes() - before, at_once = double(std::min(batch, count));
  return {seconds / timed * double(count) * evaluations / double(chains),
          std::max(peak_bytes(), before + of_chains * at_once / double(chains))};
}

} // namespace lookback::tools
