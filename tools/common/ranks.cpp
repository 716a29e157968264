#include "tools/common/ranks.hpp"

#include "engine/parallel.hpp"
#include "tools/common/interrupt.hpp"

#include <algorithm>
#include <sched.h>
#include <thread>

namespace lookback::tools {

void with_ranks(const std::function<void(Communicator&)>& f) {
  const auto ranks = join_ranks();
  try {
    f(*ranks);
  } catch (const SharedError&) {
    throw;
  } catch (const Interrupted&) {
    throw;
  } catch (const Error& error) {
    if (ranks->size() == 1) throw;
    ranks->abandon();
    throw RankFailure(error.what());
  } catch (...) {
    ranks->abandon();
    throw;
  }
}

void share_cores(int threads, const Communicator& ranks) {
  if (threads > 0 || ranks.size() == 1) return;
  cpu_set_t bound;
  CPU_ZERO(&bound);
  const int share = int(std::thread::hardware_concurrency()) / ranks.local_size();
  const bool known = ::sched_getaffinity(0, sizeof bound, &bound) == 0;
  set_threads(std::max(1, known ? std::min(share, CPU_COUNT(&bound)) : share));
}

} // namespace lookback::tools
