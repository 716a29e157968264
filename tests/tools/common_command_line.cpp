#include "engine/atomic_file.hpp"
#include "engine/error.hpp"
#include "tests/tools/files_helpers.hpp"
#include "tests/tools/run_tool.hpp"
#include "tools/common/command_line.hpp"
#include "tools/common/interrupt.hpp"
#include "tools/common/toml.hpp"

#include <doctest/doctest.h>

#include <csignal>
#include <fstream>
#include <sstream>

using namespace lookback;
using namespace lookback::tools;

namespace {

struct Options {
  std::int64_t steps = 100;
  float rate = 0.1f;
  std::filesystem::path input;
  std::optional<double> redshift;
  std::vector<std::string> masks;
  bool fast = false;
  std::string method = "heun";
};

// A tool with an option of each kind. It stores the configuration that its body saw.
struct Tool {
  Options o;
  Json seen;
  std::function<void()> also = [] {};
  CommandLine line{"tool", "Does things."};

  Tool() {
    line.option("--steps", o.steps, "N", "steps taken")->check(in_range(1, 1000));
    line.option("--rate", o.rate, "1/Gyr", "rate");
    line.option("--input", o.input, "FILE", "input");
    line.option("--redshift", o.redshift, "z", "redshift");
    line.option("--mask", o.masks, "LO:HI", "ranges left out");
    line.flag("--fast", o.fast, "hurry");
    line.choice("--method", o.method, {"heun", "euler-maruyama"}, "integrator");
    line.add_seed();
  }
  int run(std::vector<const char*> arguments) {
    arguments.insert(arguments.begin(), "tool");
    return line.run(int(arguments.size()), arguments.data(), [&] {
      seen = line.config();
      also();
    });
  }
};

std::filesystem::path write_file(const test::Folder& folder, const std::string& text) {
  const auto path = folder / "options.toml";
  std::ofstream(path) << text;
  return path;
}

bool one_line(const std::string& text) {
  return std::count(text.begin(), text.end(), '\n') == 1;
}

} // namespace

TEST_CASE("options come from the command line over the file over the defaults") {
  const test::Folder folder;
  const auto file = write_file(folder, "# a comment\nsteps = 7 # seven\nrate = 0.25\nfast = true\n"
                                       "mask = [\"1:2\", '3:4']\ninput = \"a # b\\\"c.h5\"\n");
  Tool tool;
  REQUIRE(tool.run({"--config", file.c_str(), "--steps", "9"}) == 0);
  CHECK(tool.o.steps == 9);
  CHECK(tool.o.rate == 0.25f);
  CHECK(tool.o.fast);
  CHECK(tool.o.masks == std::vector<std::string>{"1:2", "3:4"});
  CHECK(tool.o.input == "a # b\"c.h5");
  CHECK(tool.o.method == "heun");
  CHECK_FALSE(tool.o.redshift.has_value());
}

TEST_CASE("the resolved configuration, read back as a file, resolves to itself") {
  const test::Folder folder;
  Tool first;
  REQUIRE(first.run({"--rate", "0.3", "--mask", "5:6", "--redshift", "-0.5", "--seed",
                     "72057594037927935"}) == 0);
  CHECK(first.seen["rate"].dump() == "0.3");
  CHECK(first.seen["seed"].dump() == "72057594037927935");
  const auto file = write_file(folder, first.line.config_toml());
  Tool second;
  REQUIRE(second.run({"--config", file.c_str()}) == 0);
  CHECK(second.seen == first.seen);
}

TEST_CASE("a file serves the options of a subcommand and of its tool as one flat list") {
  const test::Folder folder;
  const auto file = write_file(folder, "count = 12\nthreads = 1\n");
  std::int64_t count = 5;
  bool ran = false;
  CommandLine line("tool", "Does things.");
  Command& make = line.subcommand("make", "Makes things.", [&] { ran = true; });
  make.option("--count", count, "N", "how many");
  const char* arguments[] = {"tool", "make", "--config", file.c_str(), "--quiet"};
  REQUIRE(line.run(5, arguments) == 0);
  CHECK(ran);
  CHECK(count == 12);
  CHECK(line.common().threads == 1);
  CHECK(line.common().quiet);
  CHECK(line.config()["count"] == 12);
}

TEST_CASE("exit codes: 0 done, 2 bad input or usage, 130 interrupted, 1 anything else") {
  const auto code_of = [](std::function<void()> body, std::vector<const char*> arguments = {}) {
    Tool tool;
    tool.also = std::move(body);
    return tool.run(std::move(arguments));
  };
  CHECK(code_of([] {}) == 0);
  CHECK(code_of([] { fail("bad input"); }) == 2);
  CHECK(code_of([] { throw Interrupted(); }) == 130);
  CHECK(code_of([] { throw std::runtime_error("surprise"); }) == 1);
  CHECK(code_of([] { throw std::bad_alloc(); }) == 1);
  CHECK(code_of([] {}, {"--steps", "0"}) == 2);
  CHECK(code_of([] {}, {"--steps", "many"}) == 2);
  CHECK(code_of([] {}, {"--method", "hern"}) == 2);
  CHECK(code_of([] {}, {"--nonsense"}) == 2);
  CHECK(code_of([] {}, {"stray"}) == 2);
  CHECK(code_of([] {}, {"--config", "/no/such/file.toml"}) == 2);
}

TEST_CASE("usage errors are one line on stderr with a suggestion") {
  const auto unknown = test::run_tool("report", {"samples.h5", "--ouput", "figure.svg"});
  CHECK(unknown.exit_code == 2);
  CHECK(unknown.err == "report: unknown option --ouput; did you mean --output?\n");
  CHECK(unknown.out.empty());
  const auto missing = test::run_tool("report", {"samples.h5"});
  CHECK(missing.exit_code == 2);
  CHECK(missing.err == "report: --output is required; --help shows the usage\n");
  CHECK(test::run_tool("prepare", {"synthetc"}).err ==
        "prepare: unknown job synthetc; the jobs are synthetic, tng, particles, cumulative, "
        "synthetic-tng, ssp\n");
  const test::Folder folder;
  const auto key = test::run_tool(
      "report", {"a", "-o", "b.svg", "--config", write_file(folder, "curvs = 3\n").string()});
  CHECK(key.exit_code == 2);
  CHECK(key.err == "report: unknown key curvs; did you mean curves?\n");
}

TEST_CASE("lines that are not key = value are refused by number") {
  for (const char* text : {"steps\n", "steps = \n", "steps = two\n", "steps = 1 2\n", "[tool]\n",
                           "input = \"open\n", "mask = [1, 2\n", "steps = 1\nsteps = 2\n"}) {
    CAPTURE(text);
    std::istringstream stream(text);
    CHECK(test::contains(test::message([&] { parse_toml(stream); }), "of the --config file"));
  }
}

TEST_CASE("--help shows every option with its unit and default") {
  const auto help = test::run_tool("report", {"--help"});
  CHECK(help.exit_code == 0);
  CHECK(help.err.empty());
  for (const char* part : {"Usage: report samples -o FILE [options]", "--curves N", "(default 12)",
                           "-o, --output FILE", "(required)", "--threads N", "--overwrite",
                           "--log-json FILE", "--config FILE", "--dump-config", "--version"}) {
    CAPTURE(part);
    CHECK(test::contains(help.out, part));
  }
}

TEST_CASE("--version names version, CUDA and instruction set") {
  const auto version = test::run_tool("report", {"--version"});
  CHECK(version.exit_code == 0);
  for (const char* part : {"lookback " LOOKBACK_VERSION "\n", "CUDA: ", "instruction set: "})
    CHECK(test::contains(version.out, part));
}

TEST_CASE("--dump-config prints a template even where required options are missing") {
  const auto dump = test::run_tool("report", {"--curves", "3", "--dump-config"});
  CHECK(dump.exit_code == 0);
  CHECK(test::contains(dump.out, "curves = 3\n"));
}

TEST_CASE("the nearest word is suggested, and none where all are far") {
  const std::vector<std::string> words = {"steps", "seed", "sampler"};
  CHECK(nearest("stpes", words) == "steps");
  CHECK(nearest("sede", words) == "seed");
  CHECK(nearest("wavelength", words).empty());
}

TEST_CASE("the JSON log holds one object a line, from start to done") {
  const test::Folder folder;
  const auto file = folder / "log.json";
  Tool tool;
  tool.also = [&] {
    tool.line.log().say("half ", 50, " %");
    tool.line.log().event("epoch", {{"loss", 0.5}});
  };
  REQUIRE(tool.run({"--quiet", "--log-json", file.c_str()}) == 0);
  std::ifstream log(file);
  std::vector<std::string> events;
  for (std::string line; std::getline(log, line);)
    events.push_back(Json::parse(line)["event"].get<std::string>());
  CHECK(events == std::vector<std::string>{"start", "message", "epoch", "done"});
}

TEST_CASE("a signal removes unfinished outputs and exits with 130") {
  const test::Folder folder;
  const pid_t child = fork();
  if (child == 0) {
    catch_signals();
    const AtomicFile output(folder / "result.h5", false);
    std::ofstream(output.temporary()) << "half";
    std::raise(SIGTERM);
    _exit(0);
  }
  int status = 0;
  REQUIRE(waitpid(child, &status, 0) == child);
  REQUIRE(WIFEXITED(status));
  CHECK(WEXITSTATUS(status) == 130);
  CHECK(folder.entries() == 0);
}

TEST_CASE("after allow_graceful_stop the first signal only asks to stop, the second one ends") {
  const pid_t child = fork();
  if (child == 0) {
    catch_signals();
    allow_graceful_stop();
    if (interrupted()) _exit(1);
    std::raise(SIGINT);
    if (!interrupted()) _exit(2);
    std::raise(SIGINT);
    _exit(3);
  }
  int status = 0;
  REQUIRE(waitpid(child, &status, 0) == child);
  CHECK(WEXITSTATUS(status) == 130);
}

TEST_CASE("a tool without arguments says in one line what is missing") {
  for (const char* tool : {"report", "train", "sample", "score", "forward", "prepare"}) {
    CAPTURE(tool);
    const auto result = test::run_tool(tool, {});
    CHECK(result.exit_code == 2);
    CHECK(one_line(result.err));
    CHECK(result.out.empty());
  }
}
