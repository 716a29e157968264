// tools/convert_score_models.py both ways, on a checkpoint folder that score_models wrote.
#include "nn/prior.hpp"
#include "tests/golden.hpp"
#include "tests/nn/network_golden.hpp"
#include "tests/tools/files_helpers.hpp"
#include "tests/tools/run_tool.hpp"
#include "tools/files/histories.hpp"
#include "tools/files/points.hpp"

#include <cstdio>
#include <cstdlib>
#include <doctest/doctest.h>

using namespace lookback;
using namespace lookback::test;
using namespace lookback::tools;

namespace {

int run_python(const std::string& arguments) {
  return std::system(
      ("PYTHONDONTWRITEBYTECODE=1 '" LOOKBACK_PYTHON "' " + arguments + " </dev/null 2>/dev/null")
          .c_str());
}

int convert(const std::vector<std::filesystem::path>& arguments) {
  std::string command = "'" LOOKBACK_SOURCE_DIR "/tools/convert_score_models.py'";
  for (const auto& argument : arguments) command += " '" + argument.string() + "'";
  return run_python(command);
}

bool no_torch() {
  static const bool found = run_python("-c 'import numpy, h5py, torch'") == 0;
  if (found) return false;
  std::printf("SKIPPED: %s has no numpy, h5py and torch (CMake option LOOKBACK_PYTHON)\n",
              LOOKBACK_PYTHON);
  return true;
}

} // namespace

TEST_CASE("a checkpoint of score_models becomes a prior that gives its output, and back again") {
  const auto expected_file = golden("score_models/checkpoint_example/expected.h5");
  if (expected_file.empty() || no_torch()) return;
  const std::filesystem::path example = std::filesystem::path(expected_file).parent_path();
  const Folder folder;
  REQUIRE(convert({example, "-o", folder / "prior.h5"}) == 0);
  REQUIRE(convert({"--to-score-models", folder / "prior.h5", "-o", folder / "back"}) == 0);
  REQUIRE(convert({folder / "back", "-o", folder / "again.h5"}) == 0);

  const H5Reader expected(expected_file);
  const Extents e = expected.extents("x");
  write_points({folder / "points.h5"},
               {e[0], e[1], e[2], expected.read<float>("x"), expected.read<float>("t")});
  for (const char* name : {"prior.h5", "again.h5"}) {
    CAPTURE(name);
    const ToolResult run =
        run_tool("score", {"--prior", folder / name, "--input", folder / "points.h5", "-o",
                           folder / "scores.h5", "--overwrite"});
    REQUIRE_MESSAGE(run.exit_code == 0, run.err);
    const Scores scores = read_scores(folder / "scores.h5");
    CHECK(max_relative_error(scores.network, expected.read<float>("model_out")) < golden_tolerance);
    CHECK(max_relative_error(scores.score, expected.read<float>("score")) < golden_tolerance);
  }

  // What score_models would read is what it wrote: same settings, same tensors.
  const std::string same =
      "import glob, json, sys, torch\n"
      "load = lambda f: torch.load(sorted(glob.glob(f + \"/checkpoint*.pt\"),\n"
      "    key=lambda p: p[-6:])[-1], weights_only=True)\n"
      "json_of = lambda f: json.load(open(f + \"/model_hparams.json\"))\n"
      "a, b = sys.argv[1:]\n"
      "assert json_of(a) == json_of(b)\n"
      "a, b = load(a), load(b)\n"
      "assert set(a) == set(b) and all(torch.equal(a[k], b[k]) for k in a)\n";
  CHECK(run_python("-c '" + same + "' '" + example.string() + "' '" + (folder / "back").string() +
                   "'") == 0);

  CHECK(convert({example, "-o", folder / "prior.h5"}) != 0); // exists
  CHECK(convert({example, "-o", folder / "prior.h5", "--overwrite"}) == 0);
  CHECK(convert({"--to-score-models", folder / "prior.h5", "-o", folder / "back"}) != 0);
  CHECK(convert({"--to-score-models", folder / "points.h5", "-o", folder / "other"}) != 0);
  CHECK(convert({folder / "missing", "-o", folder / "other.h5"}) != 0);
  CHECK(folder.entries() == 5);
}

TEST_CASE("a converted prior has the time bins and the normalisation of the histories given") {
  const auto expected = golden("score_models/checkpoint_example/expected.h5");
  if (expected.empty() || no_torch()) return;
  const std::filesystem::path example = std::filesystem::path(expected).parent_path();
  const Folder folder;
  Histories h;
  h.count = 3;
  h.bins = 4;
  h.bin_edges_gyr = {0, 1, 3, 6, 10};
  h.sfr_msun_per_yr = {1, 2, 3, 4, 3, 4, 5, 8, 100, 100, 100, 100};
  h.log_z_zsun = {0, 0, 0, 0, -1, -1, -2, -2, 9, 9, 9, 9};
  h.is_test = {0, 0, 1};
  write_histories({folder / "histories.h5"}, h);
  REQUIRE(convert({example, "-o", folder / "prior.h5", "--histories", folder / "histories.h5"}) ==
          0);
  REQUIRE(convert({"--to-score-models", folder / "prior.h5", "-o", folder / "back"}) == 0);
  REQUIRE(convert({folder / "back", "-o", folder / "again.h5"}) == 0);
  for (const char* name : {"prior.h5", "again.h5"}) {
    const nn::Prior prior = nn::read_prior(folder / name, cpu_backend());
    CHECK(prior.bin_edges_gyr == h.bin_edges_gyr);
    CHECK(prior.normalization.mean == std::vector<double>{2, 3, 4, 6, -0.5, -0.5, -1, -1});
    CHECK(prior.normalization.std == std::vector<double>{1, 1, 1, 2, 0.5, 0.5, 1, 1});
  }
  nn::Prior asinh = nn::read_prior(folder / "prior.h5", cpu_backend());
  asinh.normalization.sfr = nn::SfrVariable::asinh;
  asinh.normalization.floor = 0.01;
  nn::write_prior(folder / "asinh.h5", asinh, nullptr, "{}", false);
  REQUIRE(convert({"--to-score-models", folder / "asinh.h5", "-o", folder / "asinh"}) == 0);
  REQUIRE(convert({folder / "asinh", "-o", folder / "asinh_again.h5"}) == 0);
  const nn::Prior again = nn::read_prior(folder / "asinh_again.h5", cpu_backend());
  CHECK(again.normalization.sfr == nn::SfrVariable::asinh);
  CHECK(again.normalization.floor == 0.01);
  asinh.config.preconditioned = true;
  nn::write_prior(folder / "asinh.h5", asinh, nullptr, "{}", true);
  CHECK(convert({"--to-score-models", folder / "asinh.h5", "-o", folder / "edm"}) != 0);
  std::ofstream(folder / "back/model_hparams.json")
      << R"({"channels": 2, "nf": 8, "ch_mult": [1, 2], "sde": "vp"})";
  CHECK(convert({folder / "back", "-o", folder / "vp.h5"}) != 0);
  CHECK_FALSE(std::filesystem::exists(folder / "vp.h5"));
}
