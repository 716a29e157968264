// What tools that run on several processes share.
#pragma once

#include "engine/communicator.hpp"

#include <functional>

namespace lookback::tools {

// Calls f with the ranks that a launcher started, or with this process alone. What one rank alone
// meets ends the job; what all meet, each ends for itself.
void with_ranks(const std::function<void(Communicator&)>& f);

// With `threads` 0 a rank takes its share of the machine's cores, of those it is bound to.
void share_cores(int threads, const Communicator& ranks);

} // namespace lookback::tools
