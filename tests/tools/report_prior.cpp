// `report prior` as a user runs it.
#include "tests/tools/files_helpers.hpp"
#include "tests/tools/run_tool.hpp"
#include "tools/files/histories.hpp"
#include "tools/files/samples.hpp"

#include <doctest/doctest.h>

#include <string>

using namespace lookback;
using namespace lookback::tools;
using test::contains;

namespace {

// Held-out histories and, as draws of a perfect prior, others of the same generator.
struct Files {
  test::Folder folder;
  std::string draws = (folder / "draws.h5").string(), held = (folder / "held.h5").string();

  Files() {
    const std::string other = (folder / "other.h5").string();
    REQUIRE(make("1", held) == 0);
    REQUIRE(make("2", other) == 0);
    const Histories h = read_histories(other);
    Samples s;
    s.posterior = false;
    s.draws = h.count;
    s.bins = h.bins;
    s.sfr_msun_per_yr = h.sfr_msun_per_yr;
    s.log_z_zsun = h.log_z_zsun;
    s.bin_edges_gyr = h.bin_edges_gyr;
    write_samples({draws}, s);
  }
  int make(const char* seed, const std::string& file) const {
    return test::run_tool("prepare", {"synthetic", "--count", "200", "--bins", "16", "--seed", seed,
                                      "-o", file, "--quiet"})
        .exit_code;
  }
  test::ToolResult report(std::vector<std::string> more) const {
    more.insert(more.begin(), {"prior", "--samples", draws, "--histories", held});
    return test::run_tool("report", more);
  }
  std::string path(const char* name) const { return (folder / name).string(); }
};

} // namespace

TEST_CASE("report prior prints the table, and writes figure, page and numbers") {
  const Files files;
  const auto printed = files.report({"--table", files.path("t.csv"), "-o", files.path("f.svg")});
  CAPTURE(printed.err);
  REQUIRE(printed.exit_code == 0);
  for (const char* part : {"200 draws, 200 held-out", "log10 mass formed, KS", "correlations, rms",
                           "PQMass, median p", "classifier accuracy, blur 0 ", "\u00b1"})
    CHECK(contains(printed.out, part));
  CHECK_FALSE(contains(printed.out, "nan"));
  const std::string table = test::bytes_of(files.path("t.csv"));
  CHECK(contains(table, "distance,\"correlations, rms\",,,0."));
  CHECK(contains(table, "curve,\"sfr 97.5 %\",Msun/yr,"));
  CHECK(test::bytes_of(files.path("f.svg")).starts_with("<svg xmlns="));
  const auto again = files.report(
      {"-o", files.path("p.html"), "--reference", files.held, "--quiet", "--threads", "2"});
  CHECK(again.exit_code == 0);
  CHECK(contains(again.out, "200 of the reference"));
  const std::string page = test::bytes_of(files.path("p.html"));
  for (const char* part : {"<svg xmlns=", "<td>PQMass, median p</td>", "<td>reference</td>"})
    CHECK(contains(page, part));
  CHECK_FALSE(contains(page, "src="));
}

TEST_CASE("report prior gives the same table for any number of threads") {
  const Files files;
  const auto one = files.report({"--threads", "1"}), two = files.report({"--threads", "2"});
  CHECK(one.exit_code == 0);
  CHECK(one.out == two.out);
}

TEST_CASE("report prior adds the log-likelihood under a prior") {
  const Files files;
  const std::string prior = files.path("prior.h5");
  REQUIRE(test::run_tool("train", {"--histories", files.held, "-o", prior, "--nf", "8", "--ch-mult",
                                   "1", "2", "--num-res-blocks", "1", "--batch", "32", "--epochs",
                                   "1", "--quiet"})
              .exit_code == 0);
  const auto result = files.report({"--prior", prior, "--likelihood", "70", "--ode-steps", "2"});
  CAPTURE(result.err);
  CHECK(result.exit_code == 0);
  CHECK(contains(result.out, "log-likelihood per number [nats]"));
  CHECK_FALSE(contains(result.out, "nan"));
}

TEST_CASE("report prior refuses bad input in one line") {
  const Files files;
  REQUIRE(test::run_tool("prepare", {"synthetic", "--count", "120", "--bins", "8", "-o",
                                     files.path("short.h5"), "--quiet"})
              .exit_code == 0);
  const auto refused = [&](const std::vector<std::string>& words, const char* part) {
    const auto result = files.report(words);
    CAPTURE(result.err);
    CHECK(test::refused(result, files.path("f.svg")));
    CHECK(contains(result.err, part));
  };
  refused({"--reference", files.path("short.h5"), "-o", files.path("f.svg")}, "time bins");
  refused({"--reference", files.draws}, "lookback-histories");
  refused({"--reference", files.path("none.h5")}, "none.h5");
  refused({"-o", files.path("f.png")}, ".svg or .html");
  refused({"--prior", files.draws}, "--likelihood");
  refused({"--likelihood", "5"}, "--prior");
  refused({"--min-mass", "1e20"}, "at least 100 histories");
  refused({"--floor", "0"}, "--floor");
  refused({"--flor", "1"}, "--floor");
}
