#include "engine/backend.hpp"
#include "tests/ranks.hpp"
#include "tests/tools/files_helpers.hpp"

#include <bit>
#include <cstdlib>
#include <doctest/doctest.h>

using namespace lookback;
using namespace lookback::test;

namespace {

float value(int rank, std::int64_t i) {
  const Stream stream{
      .seed = 3, .purpose = Purpose::weights, .object = std::uint32_t(rank), .draw = 0, .step = 0};
  return float(stream.normal(std::uint64_t(i)));
}

// Of ranks [first, last): the left part is the largest power of two.
float tree(int first, int last, std::int64_t i) {
  if (last - first == 1) return value(first, i);
  const int middle = first + int(std::bit_floor(unsigned(last - first - 1)));
  return tree(first, middle, i) + tree(middle, last, i);
}

} // namespace

TEST_CASE("a sum over ranks is the tree of their values, the same bits on every rank") {
  for (int R : {1, 2, 3, 4, 7})
    for (std::int64_t n : {1, 6, 100}) {
      CAPTURE(R);
      CAPTURE(n);
      std::vector<std::vector<float>> sums(static_cast<std::size_t>(R));
      on_ranks(R, [&](Communicator& ranks) {
        std::vector<float> mine;
        for (std::int64_t i = 0; i < n; ++i) mine.push_back(value(ranks.rank(), i));
        const Tensor x = Tensor::from<float>({n}, mine, cpu_backend());
        ranks.sum(x);
        sums[std::size_t(ranks.rank())] = x.values<float>();
      });
      for (std::int64_t i = 0; i < n; ++i) CHECK(sums[0][std::size_t(i)] == tree(0, R, i));
      for (const auto& sum : sums) CHECK(sum == sums[0]);
    }
}

TEST_CASE("ranks agree on numbers and decisions") {
  on_ranks(3, [](Communicator& ranks) {
    CHECK(ranks.sum(0.5 + ranks.rank()) == 4.5);
    CHECK(ranks.any(ranks.rank() == 2));
    CHECK_FALSE(ranks.any(false));
  });
}

TEST_CASE("what one rank cannot do, all refuse with its sentence and its rank") {
  on_ranks(3, [](Communicator& ranks) {
    CHECK(message([&] { ranks.together([&] { require(ranks.rank() != 1, "no such file"); }); }) ==
          "rank 1: no such file");
    CHECK(message([&] { ranks.together([&] { fail("no such file"); }); }) == "no such file");
    CHECK(message([&] { ranks.together([] {}); }) == "no error");
    CHECK(message([&] {
            ranks.require_same(ranks.rank() < 2 ? "a" : "b", "data file", "copy it");
          }) == "rank 2 has another data file than rank 0; copy it");
  });
  CHECK(message([] { one_rank().together([] { fail("no such file"); }); }) == "no such file");
}

TEST_CASE("a process that no launcher started is the one rank") {
  CHECK(launched().rank == -1);
  CHECK(join_ranks()->size() == 1);
  ::setenv("OMPI_COMM_WORLD_RANK", "1", 1);
  ::setenv("OMPI_COMM_WORLD_SIZE", "4", 1);
  CHECK(launched().rank == 1);
  CHECK(launched().size == 4);
  if (!mpi_built_in())
    CHECK(contains(message([] { join_ranks(); }), "one of 4 processes, but this build has no MPI"));
  ::unsetenv("OMPI_COMM_WORLD_RANK");
  ::unsetenv("OMPI_COMM_WORLD_SIZE");
}
