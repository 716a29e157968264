// Training as a job of days meets it: killed, stopped, diverging, fed with bad data.
#include "engine/hdf5.hpp"
#include "nn/prior.hpp"
#include "tests/nn/network_golden.hpp"
#include "tests/tools/files_helpers.hpp"
#include "tests/tools/run_tool.hpp"
#include "tools/files/histories.hpp"

#include <array>
#include <chrono>
#include <cmath>
#include <csignal>
#include <doctest/doctest.h>
#include <fcntl.h>
#include <random>
#include <thread>

using namespace lookback;
using namespace lookback::test;
using namespace lookback::tools;

namespace {

using Words = std::vector<std::string>;

struct Training {
  Folder folder;

  Training() {
    REQUIRE(run_tool("prepare",
                     {"synthetic", "--count", "60", "--seed", "4", "-o", folder / "histories.h5"})
                .exit_code == 0);
  }
  // 12 epochs of 5 steps or more, a checkpoint after each step.
  Words words(const std::string& name, const Words& more = {}) const {
    Words all = {"--histories", folder / "histories.h5",
                 "-o",          folder / (name + ".h5"),
                 "--log",       folder / (name + ".csv"),
                 "--seed",      "5",
                 "--nf",        "8",
                 "--ch-mult",   "1",
                 "2",           "--num-res-blocks",
                 "1",           "--batch",
                 "8",           "--epochs",
                 "12",          "--checkpoint-minutes",
                 "0",           "--report-steps",
                 "7",           "--quiet"};
    all.insert(all.end(), more.begin(), more.end());
    return all;
  }
  ToolResult run(const std::string& name, const Words& more = {}) const {
    return run_tool("train", words(name, more));
  }
  // Goes on where a checkpoint was written, else from the beginning.
  Words again(const std::string& name) const {
    return std::filesystem::exists(folder / (name + ".h5")) ? Words{"--resume"}
                                                            : Words{"--overwrite"};
  }
};

pid_t start(const Words& words) {
  Words all = words;
  all.insert(all.begin(), std::string(LOOKBACK_TOOL_DIR) + "/train");
  std::vector<char*> arguments;
  for (std::string& word : all) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  const pid_t child = ::fork();
  if (child != 0) return child;
  const int nowhere = ::open("/dev/null", O_RDWR);
  ::dup2(nowhere, STDERR_FILENO);
  ::execv(arguments[0], arguments.data());
  ::_exit(127);
}

int wait_for(pid_t child) {
  int status = 0;
  ::waitpid(child, &status, 0);
  return status;
}

struct Bits {
  std::vector<double> average, raw, moment_1, moment_2;
  std::vector<float> losses;
  std::int64_t step;
  bool operator==(const Bits&) const = default;
};

Bits bits_of(const std::filesystem::path& file) {
  nn::Prior prior = nn::read_prior(file, cpu_backend());
  const auto state = nn::read_training(file, prior);
  REQUIRE(state);
  const nn::Optimizer& o = state->optimizer;
  return {host(o.average),  host(prior.network->params().flat()),
          host(o.moment_1), host(o.moment_2),
          state->losses,    o.step};
}

// Of every line but the header: the step, and what depends on no clock and no interval.
std::vector<std::string> held_out_losses(const std::filesystem::path& csv) {
  std::ifstream file(csv);
  std::vector<std::string> result;
  for (std::string line; std::getline(file, line);) {
    std::size_t comma = 0;
    for (int skip = 0; skip < 7; ++skip) comma = line.find(',', comma) + 1;
    result.push_back(line.substr(0, line.find(',')) + ": " + line.substr(comma));
  }
  return result;
}

void write_cells(const std::filesystem::path& file, std::int64_t count, std::int64_t bins,
                 const std::vector<float>& sfr, const std::vector<float>& log_z) {
  H5Writer writer(file, true);
  writer.format("lookback-histories");
  writer.write<float>("sfr_msun_per_yr", {count, std::int64_t(sfr.size()) / count}, sfr);
  writer.write<float>("log_z_zsun", {count, std::int64_t(log_z.size()) / count}, log_z);
  std::vector<double> edges;
  for (std::int64_t l = 0; l <= bins; ++l) edges.push_back(double(l));
  writer.write<double>("bin_edges_gyr", {bins + 1}, edges);
  writer.commit();
}

} // namespace

TEST_CASE("training killed at random moments and resumed reaches the bits of training in one go") {
  const Training t;
  REQUIRE(t.run("whole").exit_code == 0);
  std::mt19937 random(7);
  int resumed = 0;
  for (int kill = 0; kill < 5; ++kill) {
    const Words more = t.again("parts");
    resumed += more[0] == "--resume";
    const pid_t child = start(t.words("parts", more));
    std::this_thread::sleep_for(std::chrono::milliseconds(50 + random() % 250));
    ::kill(child, SIGKILL);
    wait_for(child);
  }
  MESSAGE(resumed, " of 5 killed runs had resumed from a checkpoint");
  const ToolResult last = t.run("parts", t.again("parts"));
  REQUIRE_MESSAGE(last.exit_code == 0, last.err);
  CHECK(bits_of(t.folder / "parts.h5") == bits_of(t.folder / "whole.h5"));
  const auto losses = held_out_losses(t.folder / "whole.csv");
  CHECK(losses.size() > 5);
  CHECK(held_out_losses(t.folder / "parts.csv") == losses);
  // The output, two earlier checkpoints and the table of each, the histories: no leftovers.
  CHECK(t.folder.entries() == 9);
}

TEST_CASE("SIGTERM saves and exits with 130, and training goes on from there") {
  const Training t;
  REQUIRE(t.run("whole").exit_code == 0);
  const pid_t child = start(t.words("parts", {"--keep", "1"}));
  while (!std::filesystem::exists(t.folder / "parts.h5"))
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  ::kill(child, SIGTERM);
  const int status = wait_for(child);
  REQUIRE(WIFEXITED(status));
  CHECK(WEXITSTATUS(status) == 130);
  CHECK(bits_of(t.folder / "parts.h5").step < bits_of(t.folder / "whole.h5").step);
  REQUIRE(t.run("parts", {"--resume", "--keep", "1"}).exit_code == 0);
  CHECK(bits_of(t.folder / "parts.h5") == bits_of(t.folder / "whole.h5"));
  CHECK_FALSE(std::filesystem::exists(t.folder / "parts.h5.1"));
}

TEST_CASE("--keep leaves the last checkpoints, newest first") {
  const Training t;
  REQUIRE(t.run("prior", {"--keep", "3"}).exit_code == 0);
  const auto step = bits_of(t.folder / "prior.h5").step;
  CHECK(bits_of(t.folder / "prior.h5.1").step == step - 1);
  CHECK(bits_of(t.folder / "prior.h5.2").step == step - 2);
  CHECK_FALSE(std::filesystem::exists(t.folder / "prior.h5.3"));
}

TEST_CASE("diverging training stops with one line that names the last good checkpoint") {
  const Training t;
  const ToolResult run = t.run("prior", {"--learning-rate", "1"});
  CAPTURE(run.err);
  CHECK(run.exit_code == 2);
  CHECK(std::count(run.err.begin(), run.err.end(), '\n') == 1);
  CHECK(contains(run.err, "diverges"));
  const Bits last = bits_of(t.folder / "prior.h5");
  CHECK(contains(run.err, "prior.h5', of step " + std::to_string(last.step) + ","));
  for (double weight : last.raw) REQUIRE(std::isfinite(weight));
}

TEST_CASE("--resume refuses what would be another training, and tells what changes how it learns") {
  const Training t;
  const auto file = t.folder / "prior.h5";
  const pid_t child = start(t.words("prior", {"--keep", "1"}));
  while (!std::filesystem::exists(file)) std::this_thread::sleep_for(std::chrono::milliseconds(2));
  ::kill(child, SIGTERM);
  wait_for(child);
  const std::string before = bytes_of(file);
  const auto with = [&](const std::string& option, const std::string& value) {
    Words words = t.words("prior", {"--resume", "--keep", "1"});
    const auto place = std::find(words.begin(), words.end(), option);
    place == words.end() ? void(words.insert(words.end(), {option, value}))
                         : void(*(place + 1) = value);
    return words;
  };
  const auto refusal = [&](const std::string& option, const std::string& value,
                           const std::string& reason) {
    const ToolResult run = run_tool("train", with(option, value));
    CAPTURE(run.err);
    CHECK(run.exit_code == 2);
    CHECK(std::count(run.err.begin(), run.err.end(), '\n') == 1);
    CHECK(contains(run.err, reason));
    CHECK(bytes_of(file) == before);
  };
  for (const auto& [option, then, now] : {std::array<std::string, 3>{"--batch", "8", "4"},
                                          {"--seed", "5", "6"},
                                          {"--nf", "8", "16"},
                                          {"--sigma-max", "16.0", "50.0"},
                                          {"--times", "\"log-normal\"", "stratified"}})
    refusal(option, now,
            "' was trained with " + option + " " + then + ", this run has " +
                (option == "--times" ? '"' + now + '"' : now) +
                "; --resume needs the options as before");
  REQUIRE(run_tool("prepare",
                   {"synthetic", "--count", "60", "--seed", "8", "-o", t.folder / "others.h5"})
              .exit_code == 0);
  refusal("--histories", t.folder / "others.h5",
          "have different means and standard deviations; resume with the histories that the prior "
          "was trained on");
  Words slower = with("--learning-rate", "1e-5");
  slower.erase(std::find(slower.begin(), slower.end(), "--quiet"));
  const ToolResult run = run_tool("train", slower);
  CHECK(run.exit_code == 0);
  CHECK(contains(run.err, "train: --learning-rate is 1e-05 from here on, it was 0.0001\n"));
}

TEST_CASE("train refuses data it cannot learn from with one line that says why") {
  const Training t;
  const std::string file = t.folder / "histories.h5", in_file = "'" + file + "': ";
  const auto refusal = [&](std::int64_t count, const std::vector<float>& sfr,
                           const std::vector<float>& log_z, const std::string& reason) {
    write_cells(file, count, 4, sfr, log_z);
    const ToolResult run = t.run("prior");
    CHECK(refused(run, t.folder / "prior.h5"));
    CHECK(run.err == "train: " + reason + "\n");
  };
  const std::vector<float> good = {1, 2, 3, 4, 2, 3, 4, 5, 3, 4, 5, 6};
  std::vector<float> nan = good, infinite = good, constant = good;
  nan[5] = NAN;
  infinite[7] = INFINITY;
  constant[2] = constant[6] = constant[10] = 1;
  refusal(3, good, nan, in_file + "dataset 'log_z_zsun' holds NaN or Inf (first at element 5)");
  refusal(3, infinite, good,
          in_file + "dataset 'sfr_msun_per_yr' holds NaN or Inf (first at element 7)");
  refusal(3, std::vector<float>(15, 1.0f), good,
          in_file + "dataset 'log_z_zsun' has the shape [3, 4], expected [3, 5]");
  refusal(3, {1, 2, 3, 4, 2, 3, 4, 5, 3}, good,
          in_file + "dataset 'log_z_zsun' has the shape [3, 4], expected [3, 3]");
  refusal(1, {1, 2, 3, 4}, {1, 2, 3, 4}, "histories: 1 for training; expected at least 2");
  const std::string remedy =
      " of every history, so it cannot be standardised; give more varied histories";
  refusal(3, constant, good, "histories: sfr_msun_per_yr has the same value in bin 2" + remedy);
  refusal(3, good, constant, "histories: log_z_zsun has the same value in bin 2" + remedy);
  refusal(3, good, good, "training: batch 8 is larger than the 3 histories to train on");
  CHECK(t.folder.entries() == 1);
}
