#include "engine/parallel.hpp"

#include "engine/error.hpp"

#include <doctest/doctest.h>

#include <atomic>
#include <vector>

using namespace lookback;

TEST_CASE("every piece of work is done once, with any number of threads") {
  for (int count : {1, 2, 3, 8}) {
    set_threads(count);
    CHECK(threads() == count);
    for (std::int64_t pieces : {0, 1, 2, 7, 1000}) {
      std::vector<std::atomic<int>> done(static_cast<std::size_t>(pieces));
      parallel_for(pieces, [&](std::int64_t i) { ++done[std::size_t(i)]; });
      for (const auto& times : done) CHECK(times == 1);
    }
  }
  set_threads(0);
}

TEST_CASE("an exception in a piece of work reaches the caller, and the pool works on") {
  for (int count : {1, 2}) {
    set_threads(count);
    CHECK_THROWS_WITH_AS(parallel_for(100, [](std::int64_t i) { require(i != 57, "piece ", i); }),
                         "piece 57", Error);
    std::atomic<int> done = 0;
    parallel_for(100, [&](std::int64_t) { ++done; });
    CHECK(done == 100);
  }
  set_threads(0);
}

TEST_CASE("a call from inside a piece of work does all of its own pieces") {
  set_threads(2);
  std::atomic<int> done = 0;
  parallel_for(10, [&](std::int64_t) { parallel_for(20, [&](std::int64_t) { ++done; }); });
  CHECK(done == 200);
  set_threads(0);
}

TEST_CASE("a thousand calls in a row neither hang nor lose work") {
  set_threads(2);
  std::atomic<std::int64_t> sum = 0;
  for (int call = 0; call < 1000; ++call) parallel_for(3, [&](std::int64_t i) { sum += i; });
  CHECK(sum == 3000);
  set_threads(0);
}

TEST_CASE("a number of threads that makes no sense is refused") {
  CHECK_THROWS_AS(set_threads(-1), Error);
  CHECK_THROWS_AS(set_threads(100000), Error);
}
