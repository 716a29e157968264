// mpirun -n R train ...: one training on several processes. SKIPPED where MPI is not built in.
#include "engine/communicator.hpp"
#include "nn/prior.hpp"
#include "tests/nn/network_golden.hpp"
#include "tests/tools/files_helpers.hpp"
#include "tests/tools/run_tool.hpp"

#include <cmath>
#include <csignal>
#include <doctest/doctest.h>
#include <fcntl.h>
#include <iostream>
#include <thread>

using namespace lookback;
using namespace lookback::test;

namespace {

using Words = std::vector<std::string>;

bool no_mpi() {
  if (mpi_built_in() && *LOOKBACK_MPIRUN) return false;
  std::cout << "SKIPPED: this build has no MPI\n";
  return true;
}

// `mpirun -n ranks train ...` in the words of a shell; as root and within containers too, which
// may forbid a process to read another's memory.
std::string command(int ranks, const Words& words) {
  std::string text =
      "OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 " LOOKBACK_MPIRUN
      " --oversubscribe --bind-to none --mca btl_vader_single_copy_mechanism none -n " +
      std::to_string(ranks) + " " LOOKBACK_TOOL_DIR "/train";
  for (const std::string& word : words) text += " '" + word + "'";
  return text;
}

struct RankedTraining {
  Folder folder;

  RankedTraining() {
    REQUIRE(run_tool("prepare",
                     {"synthetic", "--count", "60", "--seed", "4", "-o", folder / "histories.h5"})
                .exit_code == 0);
  }
  // 5 steps an epoch, a line of the log after each.
  Words words(const std::string& name, const Words& more = {}) const {
    Words all = {"--histories",
                 folder / "histories.h5",
                 "-o",
                 folder / (name + ".h5"),
                 "--log",
                 folder / (name + ".csv"),
                 "--seed",
                 "5",
                 "--nf",
                 "8",
                 "--ch-mult",
                 "1",
                 "2",
                 "--num-res-blocks",
                 "1",
                 "--batch",
                 "8",
                 "--report-steps",
                 "1",
                 "--checkpoint-minutes",
                 "0",
                 "--threads",
                 "1"};
    all.insert(all.end(), more.begin(), more.end());
    return all;
  }
  ToolResult run(int ranks, const std::string& name, const Words& more) const {
    const auto err = folder / "err";
    const int status = std::system(
        (command(ranks, words(name, more)) + " </dev/null 2>'" + err.string() + "'").c_str());
    return {WIFEXITED(status) ? WEXITSTATUS(status) : -1, "", bytes_of(err)};
  }
  std::vector<double> column(const std::string& name, int index) const {
    std::ifstream file(folder / (name + ".csv"));
    std::vector<double> result;
    std::string line;
    for (std::getline(file, line); std::getline(file, line);) {
      std::istringstream cells(line);
      std::string cell;
      for (int i = 0; i <= index; ++i) std::getline(cells, cell, ',');
      result.push_back(std::stod(cell));
    }
    return result;
  }
  std::vector<double> losses(const std::string& name) const { return column(name, 2); }
};

nn::TrainingState state_of(const std::filesystem::path& file) {
  nn::Prior prior = nn::read_prior(file, cpu_backend());
  auto state = nn::read_training(file, prior);
  REQUIRE(state);
  return std::move(*state);
}

void check_equal_to_rounding(const std::vector<double>& a, const std::vector<double>& b) {
  REQUIRE(a.size() == b.size());
  for (std::size_t i = 0; i < a.size(); ++i) CHECK(std::abs(a[i] - b[i]) < 1e-5 * b[i]);
}

} // namespace

TEST_CASE("1, 2 and 4 ranks give the same losses to 1e-5, and the same number the same bits") {
  if (no_mpi()) return;
  const RankedTraining t;
  for (int ranks : {1, 2, 4}) {
    const ToolResult run = t.run(ranks, std::to_string(ranks), {"--epochs", "4"});
    REQUIRE_MESSAGE(run.exit_code == 0, run.err);
    if (ranks > 1) CHECK(contains(run.err, std::to_string(ranks) + " ranks of 1 threads"));
    check_equal_to_rounding(t.losses(std::to_string(ranks)), t.losses("1"));
  }
  CHECK(t.losses("1").size() >= 20);
  REQUIRE(t.run(4, "again", {"--epochs", "4"}).exit_code == 0);
  CHECK(host(state_of(t.folder / "again.h5").optimizer.average) ==
        host(state_of(t.folder / "4.h5").optimizer.average));
  // Prior, two earlier checkpoints and table of four runs, histories, messages.
  CHECK(t.folder.entries() == 4 * 4 + 2);
}

TEST_CASE("training goes on from the file of another number of ranks") {
  if (no_mpi()) return;
  const RankedTraining t;
  REQUIRE(t.run(1, "whole", {"--schedule", "constant", "--epochs", "4"}).exit_code == 0);
  REQUIRE(t.run(2, "parts", {"--schedule", "constant", "--epochs", "2"}).exit_code == 0);
  REQUIRE(t.run(4, "parts", {"--schedule", "constant", "--epochs", "4", "--resume"}).exit_code ==
          0);
  CHECK(state_of(t.folder / "parts.h5").optimizer.step ==
        state_of(t.folder / "whole.h5").optimizer.step);
  check_equal_to_rounding(t.losses("parts"), t.losses("whole"));
}

TEST_CASE("ranks refuse together, with one line") {
  if (no_mpi()) return;
  const RankedTraining t;
  const auto refusal = [&](int ranks, const Words& more, const std::string& reason) {
    const ToolResult run = t.run(ranks, "prior", more);
    CAPTURE(run.err);
    CHECK(run.exit_code == 2);
    const auto first = run.err.find("train: ");
    REQUIRE(first != std::string::npos);
    CHECK(run.err.find("train: ", first + 1) == std::string::npos);
    CHECK(contains(run.err, reason));
    CHECK_FALSE(std::filesystem::exists(t.folder / "prior.h5"));
  };
  refusal(3, {"--quiet"}, "batch 8 cannot be shared equally by 3 ranks; give a multiple of 3");
  refusal(2, {"--quiet", "--bathc", "8"}, "did you mean --batch?");
  refusal(2, {"--quiet", "--resume"}, "prior.h5");
}

TEST_CASE("a diverging training of several ranks stops with one line") {
  if (no_mpi()) return;
  const RankedTraining t;
  const ToolResult run = t.run(2, "prior", {"--quiet", "--learning-rate", "1"});
  CAPTURE(run.err);
  CHECK(run.exit_code == 2);
  const auto line = run.err.find("train: training: the ");
  REQUIRE(line != std::string::npos);
  CHECK(run.err.find("train: training: the ", line + 1) == std::string::npos);
  CHECK(contains(run.err, "the last good checkpoint is "));
}

TEST_CASE("a killed rank ends the job with a message and leaves a checkpoint to go on from") {
  if (no_mpi()) return;
  const RankedTraining t;
  REQUIRE(t.run(2, "whole", {"--epochs", "40"}).exit_code == 0);
  // Each rank leaves its process's number; the second is killed once training is on.
  const auto pids = t.folder / "pids";
  const std::string wrapped = "sh -c 'echo $OMPI_COMM_WORLD_RANK $$ >>" + pids.string() +
                              "; exec " LOOKBACK_TOOL_DIR "/train \"$@\"' train";
  std::string text = command(2, t.words("parts", {"--epochs", "40"}));
  const std::string tool = LOOKBACK_TOOL_DIR "/train";
  text.replace(text.find(tool), tool.size(), wrapped);
  int status = 0;
  {
    const std::jthread killer([&] {
      while (!std::filesystem::exists(t.folder / "parts.h5.1"))
        std::this_thread::sleep_for(std::chrono::milliseconds(5));
      std::ifstream file(pids);
      for (int rank, pid; file >> rank >> pid;)
        if (rank == 1) ::kill(pid, SIGKILL);
    });
    status = std::system((text + " </dev/null 2>'" + (t.folder / "err").string() + "'").c_str());
  }
  const std::string err = bytes_of(t.folder / "err");
  CAPTURE(err);
  CHECK(status != 0);
  CHECK(contains(err, "rank 1"));
  CHECK(contains(err, "signal 9"));
  CHECK(contains(err, "train: told to stop; the last good checkpoint is "));
  CHECK(state_of(t.folder / "parts.h5").optimizer.step <
        state_of(t.folder / "whole.h5").optimizer.step);
  REQUIRE(t.run(2, "parts", {"--epochs", "40", "--resume"}).exit_code == 0);
  CHECK(host(state_of(t.folder / "parts.h5").optimizer.average) ==
        host(state_of(t.folder / "whole.h5").optimizer.average));
}
