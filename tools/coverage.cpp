// Measures whether posteriors are calibrated: mocks of known histories, draws from the posterior of
// each, and the tests of tools/quality/coverage_tests.hpp.
#include "engine/parallel.hpp"
#include "physics/cosmology.hpp"
#include "tools/common/progress.hpp"
#include "tools/common/ranks.hpp"
#include "tools/common/svg.hpp"
#include "tools/files/atomic_text.hpp"
#include "tools/files/histories.hpp"
#include "tools/files/in_file.hpp"
#include "tools/files/sha256.hpp"
#include "tools/files/ssp.hpp"
#include "tools/files/text_numbers.hpp"
#include "tools/galaxy/method_options.hpp"
#include "tools/galaxy/wavelength_grids.hpp"
#include "tools/quality/coverage_page.hpp"
#include "tools/quality/covered_mock.hpp"
#include "tools/quality/mock_quantities.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <iostream>

using namespace lookback;
using namespace lookback::tools;

namespace {

struct Options {
  std::filesystem::path prior, ssp, output;
  std::optional<std::filesystem::path> histories, table, page;
  std::int64_t mocks = 200;
  std::string redshift = "0.02:0.15", a_v = "0:1";
  MockOptions mock;

  std::string method_name() const { return mock.exact() ? "exact" : mock.method.name; }
};

// What all mocks share, and what identifies it.
struct Inputs {
  MockInputs mock;
  std::string job;
};

std::pair<double, double> range(const std::string& option, const std::string& text) {
  const auto r = number_range(text);
  require(r && r->first >= 0 && r->first <= r->second, option, " is '", text,
          "', expected a range LO:HI from 0 or more");
  return *r;
}

// Options that do not change the result of a mock are left out.
std::string job_of(const Options& o, const CommandLine& line) {
  Json config = line.config();
  for (const char* free : {"output", "table", "page", "mocks", "threads", "quiet", "overwrite",
                           "log-json", "dry-run", "prior", "ssp", "histories"})
    config.erase(free);
  std::string text = config.dump() + sha256_of_file(o.prior) + sha256_of_file(o.ssp);
  if (o.histories) text += sha256_of_file(*o.histories);
  return sha256(text);
}

// Those held out of training, or all where the file does not tell, that formed enough stars before
// the earliest epoch of observation.
void choose_histories(MockInputs& in, const Options& o) {
  const std::string file = o.histories->string();
  const Histories h = read_histories(*o.histories);
  require(h.bin_edges_gyr == in.prior.bin_edges_gyr, "'", file,
          "': its time bins are not those of the prior; make histories on the prior's bins");
  const bool told = std::count(h.is_test.begin(), h.is_test.end(), 1) > 0;
  in.histories.resize(2 * h.bins, o.mocks);
  for (std::int64_t row = 0; row < h.count && std::int64_t(in.rows.size()) < o.mocks; ++row) {
    if (told && !h.is_test[std::size_t(row)]) continue;
    auto history = in.histories.col(Eigen::Index(in.rows.size()));
    for (int bin = 0; bin < h.bins; ++bin) {
      history[bin] = h.sfr_msun_per_yr[std::size_t(row * h.bins + bin)];
      history[h.bins + bin] = h.log_z_zsun[std::size_t(row * h.bins + bin)];
    }
    if (formed_msun(in, history) >= o.mock.min_mass_msun) in.rows.push_back(row);
  }
  require(std::int64_t(in.rows.size()) == o.mocks, "'", file, "' has ", in.rows.size(),
          told ? " held-out" : "", " histories that formed ", o.mock.min_mass_msun,
          " Msun (--min-mass) before redshift ", in.redshift.second, "; --mocks ", o.mocks,
          " asks for more");
}

Inputs read_inputs(const Options& o, const CommandLine& line) {
  Inputs inputs;
  MockInputs& in = inputs.mock;
  in.seed = line.common().seed;
  in.redshift = range("--redshift", o.redshift);
  const auto [least, most] = range("--a-v", o.a_v);
  in.a_v = {&physics::Nuisance::a_v, least, most};
  require(!o.mock.fit_a_v || (!o.mock.exact() && least < most),
          "--fit-a-v goes with a --method and a range --a-v that is not empty");
  const bool from_prior = o.mock.control != "none";
  require(from_prior != o.histories.has_value(),
          from_prior ? "--control " + o.mock.control +
                           " draws its truths from the prior; leave --histories away"
                     : "--histories is missing, the truths (lookback-histories)");
  in.prior = nn::read_prior(o.prior, backend_for(line.common().device));
  in.bins.edges_gyr = in.prior.bin_edges_gyr;
  require_bins(in.bins, in.redshift.second);
  in.grid = read_ssp(o.ssp);
  in.wavelength_angstrom = sdss_wavelengths();
  in_file(o.prior, [&] {
    if (o.mock.exact())
      in.mixture = mixture_of(in.prior);
    else
      check(o.mock.method, in.prior);
  });
  if (!from_prior) choose_histories(in, o);
  inputs.job = job_of(o, line);
  return inputs;
}

// One file a mock, until all are there.
struct Done {
  std::filesystem::path folder;
  std::string job;
  MockShape shape;

  std::filesystem::path file(std::int64_t mock) const {
    char name[40];
    std::snprintf(name, sizeof name, "mock_%07lld.h5", static_cast<long long>(mock));
    return folder / name;
  }
  bool has(std::int64_t mock) const { return std::filesystem::exists(file(mock)); }
  CoveredMock read(std::int64_t mock) const { return read_mock(file(mock), job, shape); }
};

void finish(const Options& o, const CommandLine& line, const MockInputs& in, const Done& done) {
  Coverage c;
  c.shape = done.shape;
  for (const MockQuantity& q : mock_quantities()) {
    c.names.push_back(q.name);
    c.units.push_back(q.unit);
  }
  if (o.mock.fit_a_v) {
    c.names.push_back("A_V");
    c.units.push_back("mag");
  }
  c.bin_edges_gyr = in.prior.bin_edges_gyr;
  for (std::int64_t i = 0; i < o.mocks; ++i) c.mocks.push_back(done.read(i));
  c.attributes = {{"method", o.method_name()},
                  {"control", o.mock.control},
                  {"plant", o.mock.plant},
                  {"seed", std::int64_t(in.seed)},
                  {"sha256_prior", sha256_of_file(o.prior)},
                  {"sha256_ssp", sha256_of_file(o.ssp)}};
  if (o.histories) c.attributes.emplace_back("sha256_histories", sha256_of_file(*o.histories));
  const CoverageAssessment a = assess(c, in.seed);
  const bool overwrite = line.common().overwrite;
  if (o.table) write_text(*o.table, coverage_csv(a), overwrite);
  if (o.page) {
    std::ostringstream how;
    how << "<p>" << o.mocks << " mocks, " << o.mock.draws << " draws each by " << o.method_name()
        << ", S/N " << o.mock.snr << ", redshift " << escaped(o.redshift) << ", A<sub>V</sub> "
        << escaped(o.a_v) << (o.mock.plant == "none" ? "" : ", planted failure: " + o.mock.plant)
        << ".</p>\n";
    write_text(*o.page, coverage_page(a, c.bin_edges_gyr, how.str()), overwrite);
  }
  write_coverage({o.output, overwrite, line.config_json()}, c);
  std::filesystem::remove_all(done.folder);
  std::cout << coverage_text(a);
}

void predict(const Options& o, const MockInputs& in, Communicator& ranks, Log& log) {
  const auto start = std::chrono::steady_clock::now();
  run_mock(in, o.mock, 0);
  const double one =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  log.say("coverage: about ", duration_text(one * std::ceil(double(o.mocks) / ranks.size())),
          "; nothing is written in a dry run");
}

void coverage(const Options& o, CommandLine& line, Communicator& ranks) {
  Log& log = line.log();
  share_cores(line.common().threads, ranks);
  if (line.common().device == "cuda") choose_gpu(ranks);
  Inputs inputs;
  ranks.together([&] { inputs = read_inputs(o, line); });
  const MockInputs& in = inputs.mock;
  const Done done{o.output.string() + ".partial", inputs.job, shape_of(in, o.mock)};
  log.say("coverage: ", o.mocks, " mocks, ", o.mock.draws, " draws each by ", o.method_name(),
          ", on ", line.common().device, " with ",
          ranks.size() == 1 ? "" : std::to_string(ranks.size()) + " ranks of ", threads(),
          " threads");
  if (line.common().dry_run) return predict(o, in, ranks, log);
  std::int64_t before = 0;
  ranks.together([&] {
    if (ranks.rank() > 0) return;
    for (const auto& file : {std::optional(o.output), o.table, o.page})
      if (file) require_writable({*file, line.common().overwrite});
    std::filesystem::create_directories(done.folder);
    for (std::int64_t i = 0; i < o.mocks; ++i) {
      if (!done.has(i)) continue;
      done.read(i); // refuses what is not this run's
      ++before;
    }
    if (before > 0) log.say("coverage: goes on after ", before, " mocks");
  });
  std::vector<std::int64_t> mine;
  for (std::int64_t i = ranks.rank(); i < o.mocks; i += ranks.size())
    if (!done.has(i)) mine.push_back(i);
  ranks.together([&] {
    Progress progress(log, std::int64_t(mine.size()), "mocks");
    for (const std::int64_t i : mine) {
      try {
        write_mock(done.file(i), done.job, done.shape, run_mock(in, o.mock, i));
      } catch (const Error& error) {
        fail("mock ", i, ": ", error.what());
      }
      progress.advance();
    }
  });
  ranks.together([&] {
    if (ranks.rank() == 0) finish(o, line, in, done);
  });
}

} // namespace

int main(int argc, char** argv) {
  Options o;
  CommandLine line("coverage", "Measures whether posteriors are calibrated, on mocks of known "
                               "histories: a table and verdicts on standard output, a page.");
  line.input("--prior", o.prior, "the prior (lookback-prior)");
  line.option("--histories", o.histories, "FILE",
              "truths (lookback-histories): those of is_test, or all");
  line.input("--ssp", o.ssp, "stellar-population grid (lookback-ssp)");
  line.output(o.output, "truths and draws as quantities (lookback-coverage)");
  line.option("--table", o.table, "FILE", "the table and the tests (.csv)");
  line.option("--page", o.page, "FILE", "figures and tables (.html)");
  line.option("--mocks", o.mocks, "N", "mocks")->check(in_range(2, 10000000));
  line.option("--draws", o.mock.draws, "N", "draws from the posterior of each")
      ->check(in_range(3, 1000000));
  line.option("--snr", o.mock.snr, "RATIO", "mean flux over noise")->check(in_range(1e-6, 1e9));
  line.option("--redshift", o.redshift, "LO:HI", "drawn evenly, known to the method");
  line.option("--a-v", o.a_v, "LO:HI", "Calzetti dust in mag, likewise");
  line.flag("--fit-a-v", o.mock.fit_a_v, "A_V is not known but drawn with the history");
  line.option("--min-mass", o.mock.min_mass_msun, "Msun",
              "leave histories out that formed less before the highest redshift")
      ->check(in_range(1.0, 1e30));
  line.choice("--control", o.mock.control, {"none", "prior", "exact"},
              "prior: truths are draws of the prior, so that what fails is the method; exact: of "
              "its mixture, with a linear model and exact draws, so that nothing may fail");
  line.choice("--plant", o.mock.plant, {"none", "widen", "narrow", "shift", "prior"},
              "make the draws wrong: 1.5 or 0.67 times as wide, one standard deviation off, or "
              "those of the prior; a test must fail");
  add_method_options(line, o.mock.method);
  line.add_seed();
  line.add_device();
  line.add_dry_run();
  line.set_rank(std::max(0, launched().rank));
  return line.run(argc, argv,
                  [&] { with_ranks([&](Communicator& ranks) { coverage(o, line, ranks); }); });
}
