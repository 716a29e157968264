// prepare tng, interrupted: the same bits as a run that was not.
#include "engine/random.hpp"
#include "tests/tools/files_helpers.hpp"
#include "tests/tools/run_tool.hpp"
#include "tools/prepare/synthetic_tng.hpp"
#include "tools/prepare/tng.hpp"

#include <doctest/doctest.h>

using namespace lookback;
using namespace lookback::tools;
using namespace lookback::test;

namespace {

void write_mock(const std::filesystem::path& folder, std::int64_t subhalos) {
  SyntheticTngOptions o;
  o.subhalos = subhalos;
  o.chunks = 5;
  o.particles_per_bin = 3;
  o.folder = folder;
  write_synthetic_tng(o, 4);
}

bool same(const Histories& a, const Histories& b) {
  return a.subhalo_id == b.subhalo_id && a.sfr_msun_per_yr == b.sfr_msun_per_yr &&
         a.log_z_zsun == b.log_z_zsun && a.mass_formed_msun == b.mass_formed_msun &&
         a.is_test == b.is_test && a.selection == b.selection;
}

// Runs prepare tng until its partial file was saved anew, then sends the signal. The exit code is
// 0 where it was done before.
int run_and_signal(const std::filesystem::path& folder, const std::string& arguments,
                   const std::string& signal) {
  const std::string partial = (folder / "out.h5.partial").string();
  const std::string mark = (folder / "mark").string();
  std::ofstream(mark) << "now";
  const std::string command = std::string(LOOKBACK_TOOL_DIR) + "/prepare " + arguments +
                              " --quiet & p=$!; " + "while [ ! '" + partial + "' -nt '" + mark +
                              "' ] && kill -0 $p 2>/dev/null; do :; done; " + "kill -" + signal +
                              " $p 2>/dev/null; wait $p";
  const int status = std::system(command.c_str());
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

} // namespace

TEST_CASE("prepare tng has the same bits however often it was told to stop") {
  const Folder folder;
  write_mock(folder.path, 120);
  TngOptions o;
  o.base = folder / "output";
  Log log;
  log.open(true, {});
  const Histories whole = make_tng_histories(o, 6, log);
  for (std::uint32_t trial = 0; trial < 6; ++trial) {
    const auto file = folder / ("partial" + std::to_string(trial));
    const Stream stream{trial, Purpose::shuffle};
    int stops = 0;
    for (bool done = false; !done;) {
      auto left = std::int64_t(30 * stream.uniform(std::uint64_t(stops)));
      TngSaving saving{file, 1e6, [&] { return left-- <= 0; }};
      try {
        const Histories h = make_tng_histories(o, 6, log, saving);
        CHECK(same(h, whole));
        done = true;
      } catch (const Interrupted&) {
        ++stops;
      }
    }
    CHECK(stops >= 2);
  }
}

TEST_CASE("prepare tng goes on after SIGKILL and SIGTERM, and finds the same histories") {
  const Folder folder;
  write_mock(folder.path, 120);
  const auto out = folder / "out.h5", partial = folder / "out.h5.partial";
  const std::string arguments =
      "tng --base " + (folder / "output").string() + " --checkpoint-minutes 0 -o " + out.string();
  int killed = 0, terminated = 0;
  for (int i = 0; i < 8 && !std::filesystem::exists(out); ++i) {
    const bool kill = i % 2 == 0;
    const int code = run_and_signal(folder.path, arguments, kill ? "KILL" : "TERM");
    if (code == 0) break;
    CHECK(code == (kill ? 137 : 130));
    CHECK(std::filesystem::exists(partial));
    ++(kill ? killed : terminated);
  }
  CHECK(killed >= 1);
  CHECK(terminated >= 1);
  if (!std::filesystem::exists(out)) {
    const auto run = run_tool("prepare", {"tng", "--base", (folder / "output").string(),
                                          "--checkpoint-minutes", "0", "-o", out.string()});
    CHECK_MESSAGE(run.exit_code == 0, run.err);
    CHECK(contains(run.err, "goes on after"));
  }
  CHECK(!std::filesystem::exists(partial));
  const auto whole = folder / "whole.h5";
  CHECK(run_tool("prepare", {"tng", "--base", (folder / "output").string(), "-o", whole.string()})
            .exit_code == 0);
  CHECK(same(read_histories(out), read_histories(whole)));
  const H5Reader a(out), b(whole);
  for (const std::string& cut : b.attributes("selection"))
    CHECK(a.number("selection", cut) == b.number("selection", cut));
  CHECK(a.read<double>("normalization/std") == b.read<double>("normalization/std"));
}

TEST_CASE("what another run has done is refused in one line") {
  const Folder folder;
  write_mock(folder.path, 60);
  const auto out = folder / "out.h5", partial = folder / "out.h5.partial";
  const std::string base = (folder / "output").string();
  CHECK(run_and_signal(folder.path,
                       "tng --base " + base + " --checkpoint-minutes 0 -o " + out.string(),
                       "KILL") == 137);
  const auto check = [&](std::vector<std::string> more, const std::string& part) {
    more.insert(more.begin(), {"tng", "--base", base, "-o", out.string()});
    const auto run = run_tool("prepare", more);
    CHECK_MESSAGE(refused(run, out), run.err);
    CHECK_MESSAGE(contains(run.err, part), run.err);
  };
  check({"--bins", "32"}, "other options or other inputs");
  check({"--max-log-z", "0.4"}, "other options or other inputs");
  check({"--min-mass", "1e9"}, "other options or other inputs");
  CHECK(run_tool("prepare", {"synthetic", "--count", "3", "-o", (folder / "h.h5").string()})
            .exit_code == 0);
  std::filesystem::rename(folder / "h.h5", partial);
  check({}, "expected 'lookback-partial-histories'");
  std::filesystem::resize_file(partial, 100);
  check({}, partial.string());
}
