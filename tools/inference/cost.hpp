// What a run of the chains will take, from timing a few of them.
#pragma once

#include <cstdint>
#include <functional>

namespace lookback::tools {

struct Cost {
  double seconds; // of all chains, `evaluations` scores each
  double bytes;   // of main memory at the peak
};

// Calls `few`(chains), which makes one evaluation of that many chains, for up to 16 chains a
// thread, all calls but the first timed, since that one allocates; of `count` chains, `batch` at a
// time, with `evaluations` each. Time and memory grow in proportion to the chains.
Cost predicted_cost(std::int64_t count, std::int64_t batch, double evaluations,
                    const std::function<void(std::int64_t chains)>& few);

} // namespace lookback::tools
