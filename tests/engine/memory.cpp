#include "engine/memory.hpp"
#include "engine/error.hpp"

#include <doctest/doctest.h>

#include <cstdlib>

using namespace lookback;

namespace {

struct Counts {
  int allocated = 0, freed = 0;
};

std::shared_ptr<Pool> counting_pool(Counts& counts) {
  return Pool::make(
      [&counts](std::size_t bytes) {
        ++counts.allocated;
        return std::malloc(bytes);
      },
      [&counts](void* block) {
        ++counts.freed;
        std::free(block);
      });
}

} // namespace

TEST_CASE("a freed block serves the next request of its size") {
  Counts counts;
  const auto pool = counting_pool(counts);
  void* first = pool->take(1000).get();
  CHECK(pool->take(1000).get() == first);
  CHECK(pool->take(900).get() == first); // sizes are rounded up to 256 bytes
  CHECK(pool->system_allocations() == 1);
  CHECK(pool->take(2000).get() != first);
  CHECK(counts.allocated == 2);
}

TEST_CASE("blocks in use are never shared") {
  Counts counts;
  const auto pool = counting_pool(counts);
  const auto a = pool->take(64), b = pool->take(64), c = pool->take(0);
  CHECK(a.get() != b.get());
  CHECK(b.get() != c.get());
  CHECK(a.get() != c.get());
}

TEST_CASE("the same sequence of requests gets the same addresses") {
  Counts counts;
  const auto pool = counting_pool(counts);
  auto turn = [&] {
    const auto a = pool->take(256), b = pool->take(512), c = pool->take(256);
    return std::vector<void*>{a.get(), b.get(), c.get()};
  };
  turn();
  const auto second = turn(), third = turn(), fourth = turn();
  CHECK(second == fourth);
  CHECK(pool->system_allocations() == 3);
  CHECK(std::vector<void*>{third[0], third[1], third[2]} == second);
}

TEST_CASE("a pool that gets no more memory gives back its idle blocks and asks again") {
  std::size_t room = 1024;
  std::unordered_map<void*, std::size_t> sizes;
  const auto pool = Pool::make(
      [&](std::size_t bytes) {
        require(bytes <= room, "no room");
        room -= bytes;
        void* block = std::malloc(bytes);
        sizes[block] = bytes;
        return block;
      },
      [&](void* block) {
        room += sizes[block];
        std::free(block);
      });
  const auto held = pool->take(256);
  pool->take(256);
  pool->take(512); // both idle now, and no room left
  CHECK(pool->take(768) != nullptr);
  CHECK_THROWS_AS(pool->take(1024), Error);
}

TEST_CASE("a pool frees every block, once the last one is out of use") {
  Counts counts;
  std::shared_ptr<void> survivor;
  {
    const auto pool = counting_pool(counts);
    pool->take(100);
    survivor = pool->take(5000);
  }
  CHECK(counts.freed == 0);
  survivor.reset();
  CHECK(counts.freed == counts.allocated);
}
