#include "engine/error.hpp"
#include "engine/hdf5.hpp"

#include <doctest/doctest.h>

#include <limits>
#include <numeric>
#include <unistd.h>

using namespace lookback;

TEST_CASE("rows of a dataset are those of the whole, and none beyond it are given") {
  const auto file = std::filesystem::temp_directory_path() /
                    ("lookback_rows_" + std::to_string(::getpid()) + ".h5");
  std::vector<std::int64_t> table(5 * 3);
  std::iota(table.begin(), table.end(), 100);
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const std::vector<float> gap{1, 2, nan, 4};
  {
    H5Writer writer(file, true);
    writer.write<std::int64_t>("table", {5, 3}, table);
    writer.write<float>("gap", {4}, gap);
    writer.commit();
  }
  const H5Reader reader(file);
  for (std::int64_t first = 0; first <= 5; ++first)
    for (std::int64_t count = 0; first + count <= 5; ++count)
      CHECK(reader.read_rows<std::int64_t>("table", first, count) ==
            std::vector<std::int64_t>(table.begin() + 3 * first,
                                      table.begin() + 3 * (first + count)));
  constexpr auto most = std::numeric_limits<std::int64_t>::max();
  CHECK_THROWS_AS(reader.read_rows<std::int64_t>("table", 3, 3), Error);
  CHECK_THROWS_AS(reader.read_rows<std::int64_t>("table", -1, 2), Error);
  CHECK_THROWS_AS(reader.read_rows<std::int64_t>("table", 1, most), Error);
  CHECK_THROWS_AS(reader.read_rows<std::int64_t>("table", most, 1), Error);
  CHECK_THROWS_AS(reader.read_rows<std::int64_t>("gap", 0, 1), Error); // not whole numbers
  CHECK(reader.read_rows<double>("gap", 0, 2) == std::vector<double>{1, 2});
  CHECK_THROWS_WITH_AS(reader.read_rows<float>("gap", 1, 2),
                       doctest::Contains("holds NaN or Inf (first at element 2)"), Error);
  std::filesystem::remove(file);
}
