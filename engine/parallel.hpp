// The thread pool. Work is cut into pieces that do not depend on the number of threads, so results
// are the same bits with any number of them.
#pragma once

#include <cstdint>
#include <functional>

namespace lookback {

void set_threads(int count); // 0: as many as the machine has cores
int threads();

// Calls f(0) ... f(count - 1), each once, in any order, on any thread; returns when all are done.
// The first exception is thrown again here. A call from inside f runs on the calling thread alone.
void parallel_for(std::int64_t count, const std::function<void(std::int64_t)>& f);

} // namespace lookback
