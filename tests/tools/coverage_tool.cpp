// The executable `coverage`: quantities of histories, verdicts, and runs as a user makes them, most
// of them of the exact control with the prior that comes with lookback.
#include "engine/communicator.hpp"
#include "engine/hdf5.hpp"
#include "physics/cosmology.hpp"
#include "tests/tools/files_helpers.hpp"
#include "tests/tools/run_tool.hpp"
#include "tools/inference/history_at.hpp"
#include "tools/quality/coverage_tests.hpp"
#include "tools/quality/mock_quantities.hpp"

#include <cmath>
#include <doctest/doctest.h>
#include <iostream>

using namespace lookback;
using namespace lookback::test;
using namespace lookback::tools;

namespace {

using Words = std::vector<std::string>;

const std::string prior = LOOKBACK_SOURCE_DIR "/tools/priors/synthetic.h5";

Words with(Words a, const Words& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

struct Bench {
  Folder folder;

  Bench() {
    must_run("prepare", {"ssp", "analytic", "-o", folder / "ssp.h5"});
    must_run("prepare",
             {"synthetic", "--count", "40", "--seed", "4", "-o", folder / "histories.h5"});
  }
  static ToolResult must_run(const std::string& tool, const Words& words) {
    const ToolResult run = run_tool(tool, words);
    REQUIRE_MESSAGE(run.exit_code == 0, tool, ": ", run.err);
    return run;
  }
  Words words(const std::string& name, const Words& more) const {
    return with({"--prior", prior, "--ssp", folder / "ssp.h5", "-o", folder / name}, more);
  }
  Words exact(const std::string& name, const Words& more = {}, const std::string& mocks = "6",
              const std::string& draws = "9") const {
    return words(name, with({"--control", "exact", "--mocks", mocks, "--draws", draws}, more));
  }
  Words by_dkps(const std::string& name, const Words& more = {},
                const std::string& mocks = "2") const {
    return words(name, with({"--histories", folder / "histories.h5", "--draws", "4", "--steps", "8",
                             "--mocks", mocks},
                            more));
  }
};

bool same_bits(const std::filesystem::path& a, const std::filesystem::path& b) {
  const H5Reader one(a), two(b);
  bool same = true;
  for (const char* name : {"truth", "reference", "posterior", "redshift", "a_v"})
    same = same && one.read<double>(name) == two.read<double>(name);
  for (const char* name : {"sfr_rank", "log_z_rank", "history"})
    same = same && one.read<std::int64_t>(name) == two.read<std::int64_t>(name);
  return same;
}

// "subject: finding: verdict" lines of standard output whose beginning is `start`.
std::string verdict_of(const std::string& text, const std::string& start) {
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);)
    if (line.starts_with(start)) return line.substr(line.rfind(' ') + 1);
  return "no line";
}

} // namespace

TEST_CASE("the quantities of a constant star-formation rate are those of integrals") {
  const physics::TimeBins bins = physics::equal_time_bins(64);
  const nn::Normalization unchanged{std::vector<double>(128, 0), std::vector<double>(128, 1)};
  const double redshift = 0.1, t_obs = physics::age_gyr(redshift);
  const LinearData data(Eigen::MatrixXd::Identity(128, 128), Eigen::VectorXd::Zero(128));
  const Eigen::VectorXd nowhere = Eigen::VectorXd::Zero(128);
  const QuantitiesOf quantities(unchanged, bins, redshift, data, nowhere);
  Eigen::VectorXd x(128); // [L, C]
  for (Eigen::Index l = 0; l < 64; ++l) x.segment(2 * l, 2) << 3, -0.4;
  const std::vector<double> values = quantities(x);
  const auto value = [&](const char* name) { return values[place_of(name)]; };
  CHECK(value("mass") == doctest::Approx(std::log10(3e9 * t_obs)));
  CHECK(value("age") == doctest::Approx(t_obs / 2));
  CHECK(value("t50") == doctest::Approx(t_obs / 2));
  CHECK(value("metallicity") == doctest::Approx(-0.4));
  CHECK(value("recent SFR") == doctest::Approx(std::log10(3)));
  for (int part = 1; part <= 8; ++part)
    CHECK(value(("SFR of part " + std::to_string(part)).c_str()) == doctest::Approx(std::log10(3)));
  CHECK(value("log-likelihood") == doctest::Approx(-0.5 * x.squaredNorm()));
  REQUIRE(values.size() == mock_quantities().size());

  x[0] = -1; // a rate below zero, and one that is small against the mean of about 3
  x[2] = 1e-9;
  const std::vector<double> of_bins = quantities.bin_values(x);
  CHECK(of_bins[0] == doctest::Approx(std::log10(0.003)).epsilon(0.01));
  CHECK(of_bins[1] == of_bins[0]);
  CHECK(of_bins[2] == doctest::Approx(std::log10(3)));
  CHECK(quantities.formed() < 64);
  for (const double v : quantities(nowhere)) CHECK(std::isfinite(v));
}

TEST_CASE("x of a history is the way back from the history of x") {
  nn::Normalization n{std::vector<double>(128), std::vector<double>(128)};
  for (std::size_t i = 0; i < 128; ++i) {
    n.mean[i] = i < 64 ? 1 : -0.5;
    n.std[i] = 0.5 + 0.01 * double(i);
  }
  n.floor = 0.01;
  const Stream stream{.seed = 1};
  Eigen::VectorXd x(128), h(128);
  for (Eigen::Index i = 0; i < 128; ++i) x[i] = stream.normal(std::uint64_t(i));
  using Variable = nn::SfrVariable;
  for (const Variable variable : {Variable::linear, Variable::asinh}) {
    n.sfr = variable;
    h = history_at(x, n);
    CHECK((variables_of(h, n).col(0) - x).cwiseAbs().maxCoeff() < 1e-4); // float32 of v up to 10
  }
}

TEST_CASE("the probability of a count in a binomial law is that of its tail, twice") {
  CHECK(binomial_p(0, 10, 0.5) == doctest::Approx(2.0 / 1024));
  CHECK(binomial_p(9, 10, 0.5) == doctest::Approx(2 * 11.0 / 1024));
  CHECK(binomial_p(5, 10, 0.5) == doctest::Approx(1));
  CHECK(binomial_p(3, 3, 0.9) == doctest::Approx(1)); // 2 * 0.729 is more than 1
}

// With some 5 directions that the data measure, chi^2 of draws 1.5 times as wide is larger by 1.25
// * 5 = 6, of 0.67 times as wide smaller by 3; the difference of truth and draws scatters by sqrt(2
// * 2 * 5) = 4.5 at most, so 30 mocks find 8 and 3.5 standard deviations; 3.4 fail. Shifted draws
// and those of the prior do not fit the data at all.
TEST_CASE("coverage passes exact posteriors and catches all planted failures") {
  const Bench b;
  const auto run = [&](const std::string& plant) {
    const Words more = {
        "--plant", plant, "--seed", "3", "--quiet", "--table", b.folder / (plant + ".csv")};
    return Bench::must_run("coverage", b.exact(plant + ".h5", more, "30", "31")).out;
  };
  const std::string exact = run("none");
  CAPTURE(exact);
  CHECK(contains(exact, " 0 failed"));
  CHECK(verdict_of(exact, "mass: 68 % intervals") == "ok");
  for (const char* plant : {"widen", "narrow"}) {
    const std::string found = run(plant);
    CAPTURE(found);
    CHECK(verdict_of(found, "chi2: draws exceed") == "FAILED");
    CHECK(verdict_of(found, "log Z: 68 % intervals of all bins") == "FAILED");
  }
  const std::string shifted = run("shift");
  CHECK(verdict_of(shifted, "mass: ranks") == "FAILED");
  CHECK(verdict_of(shifted, "log-likelihood: ranks") == "FAILED");
  const std::string of_prior = run("prior");
  CHECK(verdict_of(of_prior, "log-likelihood: ranks") == "FAILED");
  CHECK(verdict_of(of_prior, "TARP") == "FAILED");
  CHECK(verdict_of(of_prior, "mass: ranks") != "FAILED"); // ranks of mass alone cannot tell
  CHECK(contains(bytes_of(b.folder / "prior.csv"), "\"log-likelihood\",\"ranks"));
}

TEST_CASE("coverage of dkps has the same bits with 1 and 2 threads, and makes a page") {
  const Bench b;
  const ToolResult run = Bench::must_run(
      "coverage", b.by_dkps("one.h5", {"--threads", "1", "--page", b.folder / "page.html"}));
  CHECK(contains(run.out, "mass: 68 % intervals hold"));
  Bench::must_run("coverage", b.by_dkps("two.h5", {"--threads", "2"}));
  CHECK(same_bits(b.folder / "one.h5", b.folder / "two.h5"));
  const H5Reader file(b.folder / "one.h5");
  CHECK(file.text("/", "method") == "dkps");
  CHECK(file.extents("posterior") ==
        Extents{2, 4, std::int64_t(file.read_strings("quantity/name").size())});
  for (const double share : file.read<double>("diagnostics/acceptance_last_level", {2}))
    CHECK(share > 0);
  const std::string page = bytes_of(b.folder / "page.html");
  CHECK(contains(page, "TARP"));
  CHECK(contains(page, "</html>"));
  CHECK_FALSE(contains(page, "nan"));
  CHECK_FALSE(std::filesystem::exists(b.folder / "one.h5.partial"));
  Bench::must_run("coverage", b.words("own.h5", {"--control", "prior", "--draws", "4", "--steps",
                                                 "8", "--mocks", "2"}));
  CHECK_FALSE(same_bits(b.folder / "one.h5", b.folder / "own.h5"));
}

TEST_CASE("coverage with A_V fitted has it as a quantity: the mock's own, and draws in its range") {
  const Bench b;
  const ToolResult run =
      Bench::must_run("coverage", b.by_dkps("out.h5", {"--fit-a-v", "--a-v", "0.2:0.6"}));
  CHECK(contains(run.out, "A_V: 68 % intervals hold"));
  const H5Reader file(b.folder / "out.h5");
  const auto quantities = std::int64_t(mock_quantities().size()) + 1;
  REQUIRE(file.read_strings("quantity/name").back() == "A_V");
  const std::vector<double> truth = file.read<double>("truth", {2, quantities}),
                            drawn = file.read<double>("posterior", {2, 4, quantities}),
                            a_v = file.read<double>("a_v", {2});
  for (std::size_t mock = 0; mock < 2; ++mock)
    CHECK(truth[(mock + 1) * std::size_t(quantities) - 1] == doctest::Approx(a_v[mock]));
  for (std::size_t last = std::size_t(quantities) - 1; last < drawn.size();
       last += std::size_t(quantities)) {
    CHECK(drawn[last] > 0.2);
    CHECK(drawn[last] < 0.6);
  }
  const Words of_prior = {"--fit-a-v", "--plant", "prior"};
  Bench::must_run("coverage", b.by_dkps("prior.h5", of_prior));
}

TEST_CASE("a killed coverage goes on from the mocks it had done and reaches the same bits") {
  const Bench b;
  Bench::must_run("coverage", b.exact("whole.h5"));
  const auto out = b.folder / "parts.h5", partial = b.folder / "parts.h5.partial";
  std::string words;
  for (const std::string& word : b.exact("parts.h5", {"--quiet"})) words += " '" + word + "'";
  const std::string wait = "while [ ! -e '" + (partial / "mock_0000002.h5").string() +
                           "' ] && kill -0 $p 2>/dev/null; do :; done; kill -KILL $p; wait $p";
  const int status =
      std::system((LOOKBACK_TOOL_DIR "/coverage" + words + " >/dev/null & p=$!; " + wait).c_str());
  REQUIRE(WEXITSTATUS(status) == 137);
  CHECK(std::filesystem::exists(partial));
  const ToolResult other = run_tool("coverage", b.exact("parts.h5", {"--quiet", "--seed", "1"}));
  CHECK(refused(other, out));
  CHECK(contains(other.err, "other options"));
  const auto first = partial / "mock_0000000.h5";
  std::filesystem::resize_file(first, 100);
  const ToolResult broken = run_tool("coverage", b.exact("parts.h5", {"--quiet"}));
  CHECK(refused(broken, out));
  CHECK(contains(broken.err, first.string()));
  std::filesystem::remove(first);
  const ToolResult rest = Bench::must_run("coverage", b.exact("parts.h5"));
  CHECK(contains(rest.err, "goes on after"));
  CHECK(same_bits(out, b.folder / "whole.h5"));
  CHECK_FALSE(std::filesystem::exists(partial));
}

TEST_CASE("coverage on 2 ranks has the bits of 1, and ranks refuse with one line") {
  if (!mpi_built_in() || !*LOOKBACK_MPIRUN) {
    std::cout << "SKIPPED: this build has no MPI\n";
    return;
  }
  const Bench b;
  Bench::must_run("coverage", b.exact("one.h5"));
  const auto on_two = [&](const Words& all) {
    std::string text = "OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 " LOOKBACK_MPIRUN
                       " --oversubscribe --bind-to none --mca btl_vader_single_copy_mechanism none "
                       "-n 2 " LOOKBACK_TOOL_DIR "/coverage";
    for (const std::string& word : all) text += " '" + word + "'";
    text += " </dev/null >/dev/null 2>'" + (b.folder / "err").string() + "'";
    const int status = std::system(text.c_str());
    return ToolResult{WEXITSTATUS(status), "", bytes_of(b.folder / "err")};
  };
  const ToolResult run = on_two(b.exact("two.h5"));
  REQUIRE_MESSAGE(run.exit_code == 0, run.err);
  CHECK(contains(run.err, "2 ranks"));
  CHECK(same_bits(b.folder / "one.h5", b.folder / "two.h5"));
  const ToolResult bad = on_two(b.exact("bad.h5", {"--quiet", "--redshift", "1"}));
  CHECK(bad.exit_code == 2);
  const auto line = bad.err.find("coverage: --redshift is '1'");
  REQUIRE(line != std::string::npos);
  CHECK(bad.err.find("coverage: --redshift", line + 1) == std::string::npos);
}

TEST_CASE("coverage refuses what it cannot use with one line and leaves nothing behind") {
  const Bench b;
  const auto check = [&](const Words& all, const std::string& part) {
    const ToolResult run = run_tool("coverage", all);
    CAPTURE(part);
    CHECK_MESSAGE(refused(run, b.folder / "out.h5"), run.err);
    CHECK_MESSAGE(contains(run.err, part), run.err);
    CHECK_FALSE(std::filesystem::exists(b.folder / "out.h5.partial"));
  };
  check(b.words("out.h5", {}), "--histories is missing");
  check(b.exact("out.h5", {"--histories", b.folder / "histories.h5"}), "leave --histories away");
  check(b.exact("out.h5", {"--redshift", "0.2:0.1"}), "--redshift is '0.2:0.1'");
  check(b.exact("out.h5", {"--a-v", "-1:0"}), "expected a range LO:HI");
  check(b.exact("out.h5", {"--fit-a-v"}), "--fit-a-v goes with a --method");
  check(b.by_dkps("out.h5", {"--fit-a-v", "--a-v", "0.2:0.2"}), "a range --a-v that is not empty");
  check(b.exact("out.h5", {"--redshift", "9:9"}), "only 3 time bins of the prior");
  check(b.exact("out.h5", {"--quiet", "--page", b.folder / "missing/page.html"}), "missing");
  check(b.by_dkps("out.h5", {}, "41"), "--mocks 41 asks for more");
  check(b.by_dkps("out.h5", {"--min-mass", "1e15"}), "has 0 histories that formed");
  check(b.by_dkps("out.h5", {"--method", "cla-diagonal"}), "--published");
  check(b.by_dkps("out.h5", {"--plnat", "shift"}), "did you mean --plant?");
  Bench::must_run("prepare",
                  {"synthetic", "--count", "5", "--bins", "32", "-o", b.folder / "other.h5"});
  check(b.words("out.h5", {"--histories", b.folder / "other.h5"}), "time bins");
  const ToolResult plan = Bench::must_run("coverage", b.exact("out.h5", {"--dry-run"}));
  CHECK(contains(plan.err, "nothing is written in a dry run"));
  CHECK_FALSE(std::filesystem::exists(b.folder / "out.h5.partial"));
  Bench::must_run("coverage", b.exact("there.h5"));
  const ToolResult again = run_tool("coverage", b.exact("there.h5"));
  CHECK(again.exit_code == 2);
  CHECK_FALSE(std::filesystem::exists(b.folder / "there.h5.partial"));
}
