#include "tests/tools/files_helpers.hpp"
#include "tools/common/progress.hpp"

#include <doctest/doctest.h>

using namespace lookback;
using namespace lookback::tools;

namespace {

std::vector<nlohmann::json> events_of(const std::filesystem::path& file) {
  std::ifstream log(file);
  std::vector<nlohmann::json> events;
  for (std::string line; std::getline(log, line);) events.push_back(nlohmann::json::parse(line));
  return events;
}

} // namespace

TEST_CASE("progress is logged every 10 % and once at the end") {
  const test::Folder folder;
  const auto file = folder / "log.json";
  {
    Log log;
    log.open(true, file);
    Progress progress(log, 1000, "sampling");
    for (int i = 0; i < 1000; ++i) progress.advance(1, i == 500 ? "sigma 0.3" : "");
    progress.finish();
  }
  const auto events = events_of(file);
  REQUIRE(events.size() == 10);
  for (int tenth = 1; tenth < 10; ++tenth) {
    CHECK(events[tenth - 1]["event"] == "progress");
    CHECK(events[tenth - 1]["done"] == 100 * tenth);
  }
  CHECK(events[3]["note"] == "");
  CHECK(events[6]["note"] == "sigma 0.3");
  CHECK(events[9]["event"] == "finished");
}

TEST_CASE("progress of a resumed job counts what was done before") {
  const test::Folder folder;
  const auto file = folder / "log.json";
  {
    Log log;
    log.open(true, file);
    Progress progress(log, 10, "training");
    progress.start_at(8);
    progress.advance();
    progress.advance(5);
  }
  const auto events = events_of(file);
  REQUIRE(events.size() == 2);
  CHECK(events[0]["done"] == 9);
  CHECK(events[1]["event"] == "finished");
}

TEST_CASE("durations are given in the units people use") {
  CHECK(duration_text(0.42) == "0.4 s");
  CHECK(duration_text(9.96) == "10 s");
  CHECK(duration_text(59.6) == "1 min 00 s");
  CHECK(duration_text(185) == "3 min 05 s");
  CHECK(duration_text(7620) == "2 h 07 min");
}
