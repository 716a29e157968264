#include "nn/prior.hpp"
#include "tests/golden.hpp"
#include "tests/nn/network_golden.hpp"
#include "tests/tools/files_helpers.hpp"
#include "tests/tools/run_tool.hpp"
#include "tools/files/points.hpp"

#include <doctest/doctest.h>

using namespace lookback;
using namespace lookback::test;
using namespace lookback::tools;

// The network of a golden file as a lookback-prior.
static void write_golden_prior(const H5Reader& file, const std::filesystem::path& path) {
  nn::Prior prior;
  prior.config = golden_config(file);
  prior.length = 64;
  prior.normalization = {std::vector<double>(128, 0.0), std::vector<double>(128, 1.0)};
  for (int i = 0; i <= 64; ++i) prior.bin_edges_gyr.push_back(0.2 * i);
  prior.network = golden_network(file);
  nn::write_prior(path, prior, nullptr, "{}", true);
}

TEST_CASE(
    "score gives score_models' network output and score for every golden network and length") {
  for (const char* name : {"ncsnpp_tiny", "ncsnpp_small", "ncsnpp_paper"}) {
    const auto path = golden(std::string("score_models/") + name + ".h5");
    if (path.empty()) return;
    const H5Reader file(path);
    const Folder folder;
    write_golden_prior(file, folder / "prior.h5");
    for (const std::string& group : file.list("/")) {
      if (!group.starts_with("forward")) continue;
      CAPTURE(name);
      CAPTURE(group);
      const Extents e = file.extents(group + "/x");
      write_points({folder / "points.h5", true}, {e[0], e[1], e[2], file.read<float>(group + "/x"),
                                                  file.read<float>(group + "/t")});
      const ToolResult run =
          run_tool("score", {"--prior", folder / "prior.h5", "--input", folder / "points.h5", "-o",
                             folder / "scores.h5", "--overwrite"});
      REQUIRE_MESSAGE(run.exit_code == 0, run.err);
      const Scores scores = read_scores(folder / "scores.h5");
      CHECK(max_relative_error(scores.network, file.read<float>(group + "/model_out")) <
            golden_tolerance);
      CHECK(max_relative_error(scores.score, file.read<float>(group + "/score")) <
            golden_tolerance);
    }
  }
}

TEST_CASE("score refuses points of another shape and priors it cannot evaluate") {
  const Folder folder;
  nn::Prior prior;
  prior.config.channels = 2;
  prior.config.nf = 8;
  prior.config.ch_mult = {1, 2};
  prior.length = 4;
  prior.normalization = {std::vector<double>(8, 0.0), std::vector<double>(8, 1.0)};
  prior.bin_edges_gyr = {0, 1, 2, 3, 4};
  prior.network = std::make_unique<nn::Ncsnpp>(prior.config, cpu_backend());
  prior.network->params().initialise(1);
  nn::write_prior(folder / "prior.h5", prior, nullptr, "{}", true);
  write_points({folder / "good.h5"}, {1, 2, 4, std::vector<float>(8, 0.5f), {0.5f}});
  write_points({folder / "channels.h5"}, {1, 3, 4, std::vector<float>(12), {0.5f}});
  write_points({folder / "length.h5"}, {1, 2, 5, std::vector<float>(10), {0.5f}});
  const auto score = [&](const std::string& prior_file, const std::string& points) {
    return run_tool("score", {"--prior", folder / prior_file, "--input", folder / points, "-o",
                              folder / "out.h5"});
  };
  CHECK(refused(score("prior.h5", "channels.h5"), folder / "out.h5"));
  CHECK(refused(score("prior.h5", "length.h5"), folder / "out.h5"));
  CHECK(refused(score("good.h5", "good.h5"), folder / "out.h5"));
  CHECK(refused(score("none.h5", "good.h5"), folder / "out.h5"));
  std::filesystem::resize_file(folder / "prior.h5",
                               std::filesystem::file_size(folder / "prior.h5") / 2);
  CHECK(refused(score("prior.h5", "good.h5"), folder / "out.h5"));
}
