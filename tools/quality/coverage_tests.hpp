// From mocks and their posteriors to statistics and verdicts. Every test has the probability p that
// a calibrated posterior does as badly or worse; with T tests, one fails below 0.05/T, so that all
// of a calibrated posterior pass with a probability of 95 %, and is doubtful below 0.05.
#pragma once

#include "tools/files/coverage_file.hpp"
#include "tools/quality/coverage.hpp"

#include <string>
#include <vector>

namespace lookback::tools {

struct CoverageRow { // of one quantity
  std::string name, unit;
  std::vector<int> ranks; // [mocks]
  IntervalCoverage central_68, central_95;
  double ks; // distance of the ranks from uniform
  ZScores z;
  double contraction;
};

struct BinCoverage { // of one kind of number, by time bin; NaN where no mock has the bin
  std::string name;
  std::vector<double> share_68, share_95, error_68, error_95; // [bins]
};

struct CoverageTest {
  std::string subject, finding; // "mass", "68 % intervals hold 66 ± 3 %, 69 expected"
  double p;
};
enum class Verdict { ok, doubtful, failed };

struct CoverageAssessment {
  std::int64_t mocks, draws;
  double ks_limit; // 5 % of calibrated posteriors have ranks further from uniform
  double nominal_68, nominal_95;
  std::vector<CoverageRow> rows;
  std::vector<int> tarp; // ranks, [mocks]
  double tarp_ks;
  BinCoverage sfr_bins, log_z_bins;
  std::vector<double> truth_chi2, draws_chi2; // [mocks] reduced: of the truth, median of the draws
  std::vector<CoverageTest> tests;

  Verdict verdict(const CoverageTest& test) const;
  std::int64_t count(Verdict verdict) const;
  // Errors: no such quantity.
  const CoverageRow& row(const std::string& name) const;
};

// Quantities are those of mock_quantities(). Errors: those of check(Mocks).
CoverageAssessment assess(const Coverage& coverage, std::uint64_t seed);

// Probability of a number of successes at least as far in one tail as this, twice the smaller tail.
double binomial_p(std::int64_t successes, std::int64_t trials, double probability);

// The table of the quantities, a row each below one of headings and above one of what to expect.
std::vector<std::vector<std::string>> coverage_cells(const CoverageAssessment& assessment);

// That table, and below it "mass: 68 % intervals hold 66 ± 3 %, 69 expected: ok", a line a
// test; and all of it as CSV.
std::string coverage_text(const CoverageAssessment& assessment);
std::string coverage_csv(const CoverageAssessment& assessment);
const char* name_of(Verdict verdict);

} // namespace lookback::tools
