#include "tools/quality/coverage_tests.hpp"

#include "engine/error.hpp"
#include "tools/quality/mock_quantities.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <numbers>

namespace lookback::tools {
namespace {

constexpr double family_error = 0.05;

std::string formatted(const char* format, auto... values) {
  char text[200];
  std::snprintf(text, sizeof text, format, values...);
  return text;
}

double two_sided_p(double deviation) {
  return std::erfc(std::abs(deviation) / std::numbers::sqrt2);
}

struct MeanError {
  double mean, error;
};
MeanError mean_error(const std::vector<double>& values) {
  const double n = double(values.size());
  double sum = 0, squares = 0;
  for (const double v : values) sum += v;
  for (const double v : values) squares += (v - sum / n) * (v - sum / n);
  return {sum / n, std::sqrt(squares / (n * (n - 1)))};
}

// The first `quantities` of the mocks, in one piece.
struct Columns {
  std::vector<double> truth, posterior, reference;
  std::int64_t count, draws, quantities;
  Mocks view() const { return {count, draws, quantities, truth, posterior}; }
};
Columns columns(const Coverage& c, std::int64_t quantities) {
  Columns result{{}, {}, {}, std::int64_t(c.mocks.size()), c.shape.draws, quantities};
  const auto append = [&](std::vector<double>& to, const std::vector<double>& table) {
    for (std::size_t row = 0; row < table.size(); row += std::size_t(c.shape.quantities))
      to.insert(to.end(), table.begin() + std::int64_t(row),
                table.begin() + std::int64_t(row) + quantities);
  };
  for (const CoveredMock& mock : c.mocks) {
    append(result.truth, mock.truth);
    append(result.posterior, mock.posterior);
    append(result.reference, mock.reference);
  }
  return result;
}

void test_intervals(CoverageAssessment& a, const std::string& subject, const char* level,
                    const IntervalCoverage& c) {
  const auto held = std::lround(c.share * double(a.mocks));
  a.tests.push_back({subject,
                     formatted("%s intervals hold %.0f \u00b1 %.0f %%, %.0f expected", level,
                               100 * c.share, 100 * c.error, 100 * c.nominal),
                     binomial_p(held, a.mocks, c.nominal)});
}

void test_ranks(CoverageAssessment& a, const std::string& subject, double ks) {
  const double p = std::min(1.0, 2 * std::exp(-2 * double(a.mocks) * ks * ks));
  a.tests.push_back(
      {subject, formatted("ranks %.3f from uniform, 5 %% limit %.3f", ks, a.ks_limit), p});
}

// Bins of one mock move together, so a mock counts as one: its share of the bins.
void test_bins(CoverageAssessment& a, const std::string& subject, const char* level, double nominal,
               const std::vector<double>& share_of_mock) {
  const MeanError held = mean_error(share_of_mock);
  a.tests.push_back({subject,
                     formatted("%s intervals of all bins hold %.1f \u00b1 %.1f %%, %.1f expected",
                               level, 100 * held.mean, 100 * held.error, 100 * nominal),
                     held.error > 0 ? two_sided_p((held.mean - nominal) / held.error) : 1});
}

BinCoverage bins(CoverageAssessment& a, const Coverage& c, const std::string& name,
                 std::vector<std::int64_t> CoveredMock::*member) {
  BinCoverage result{name, {}, {}, {}, {}};
  std::vector<double> inside_68(c.mocks.size(), 0), inside_95 = inside_68, formed = inside_68;
  for (std::size_t bin = 0; bin < std::size_t(c.shape.bins); ++bin) {
    std::vector<int> ranks;
    for (std::size_t i = 0; i < c.mocks.size(); ++i) {
      const std::int64_t rank = (c.mocks[i].*member)[bin];
      if (rank < 0) continue;
      ranks.push_back(int(rank));
      const std::vector<int> alone{int(rank)};
      inside_68[i] += interval_coverage(alone, a.draws, 0.68).share;
      inside_95[i] += interval_coverage(alone, a.draws, 0.95).share;
      ++formed[i];
    }
    for (const double level : {0.68, 0.95}) {
      const IntervalCoverage found = ranks.empty() ? IntervalCoverage{NAN, NAN, NAN}
                                                   : interval_coverage(ranks, a.draws, level);
      (level < 0.9 ? result.share_68 : result.share_95).push_back(found.share);
      (level < 0.9 ? result.error_68 : result.error_95).push_back(found.error);
    }
  }
  for (std::size_t i = 0; i < formed.size(); ++i) {
    inside_68[i] /= formed[i];
    inside_95[i] /= formed[i];
  }
  test_bins(a, name, "68 %", a.nominal_68, inside_68);
  test_bins(a, name, "95 %", a.nominal_95, inside_95);
  return result;
}

// The normal deviate of chi^2 with n degrees of freedom (Wilson & Hilferty 1931, PNAS 17, 684).
double wilson_hilferty(double chi2, double n) {
  return (std::cbrt(chi2 / n) - 1 + 2 / (9 * n)) / std::sqrt(2 / (9 * n));
}

// Of many chi^2 with the law of the noise, the one that is least likely to be so large.
struct Largest {
  double deviate = -INFINITY, reduced = 0, count = 0;
  void add(double chi2, double n) {
    ++count;
    if (wilson_hilferty(chi2, n) < deviate) return;
    deviate = wilson_hilferty(chi2, n);
    reduced = chi2 / n;
  }
  void test(CoverageAssessment& a, const std::string& what) const {
    a.tests.push_back({"chi2", formatted("the largest %s is %.3g a number", what.c_str(), reduced),
                       std::min(1.0, count * 0.5 * std::erfc(deviate / std::numbers::sqrt2))});
  }
};

// Given the data, truth and draws have one distribution, so their chi^2 have one mean; and of all
// mocks it is that of the noise.
void test_chi2(CoverageAssessment& a, const Coverage& c, std::size_t log_likelihood) {
  std::vector<double> excess;
  Largest of_draws, of_mocks;
  for (const CoveredMock& mock : c.mocks) {
    const double n = double(mock.data_size), truth = -2 * mock.truth[log_likelihood];
    std::vector<double> draws;
    for (auto i = log_likelihood; i < mock.posterior.size(); i += std::size_t(c.shape.quantities))
      draws.push_back(-2 * mock.posterior[i]);
    double sum = 0;
    for (const double chi2 : draws) {
      sum += chi2;
      of_draws.add(chi2, n);
    }
    const double median = quantiles(draws, std::vector{0.5})[0];
    of_mocks.add(median, n);
    excess.push_back(sum / double(draws.size()) - truth);
    a.truth_chi2.push_back(truth / n);
    a.draws_chi2.push_back(median / n);
  }
  const MeanError e = mean_error(excess);
  a.tests.push_back({"chi2",
                     formatted("draws exceed the truth by %.3g \u00b1 %.2g", e.mean, e.error),
                     e.error > 0 ? two_sided_p(e.mean / e.error) : 1});
  of_mocks.test(a, "median of a mock's draws");
  of_draws.test(a, "of a draw");
}

std::string padded(const std::string& text, std::size_t width) {
  std::size_t letters = 0;
  for (const char c : text) letters += (static_cast<unsigned char>(c) & 0xC0) != 0x80;
  return text + std::string(letters < width ? width - letters : 1, ' ');
}

double error_of(const ZScores& z, std::int64_t mocks) {
  return z.rms / std::sqrt(double(mocks));
}

} // namespace

double binomial_p(std::int64_t successes, std::int64_t trials, double probability) {
  const auto n = double(trials);
  double below = 0, above = 0; // both with `successes` itself
  for (std::int64_t k = 0; k <= trials; ++k) {
    const double term =
        std::exp(std::lgamma(n + 1) - std::lgamma(double(k) + 1) - std::lgamma(n - double(k) + 1) +
                 double(k) * std::log(probability) + (n - double(k)) * std::log1p(-probability));
    if (k <= successes) below += term;
    if (k >= successes) above += term;
  }
  return std::min(1.0, 2 * std::min(below, above));
}

Verdict CoverageAssessment::verdict(const CoverageTest& test) const {
  if (test.p < family_error / double(tests.size())) return Verdict::failed;
  return test.p < family_error ? Verdict::doubtful : Verdict::ok;
}

std::int64_t CoverageAssessment::count(Verdict wanted) const {
  return std::count_if(tests.begin(), tests.end(),
                       [&](const CoverageTest& test) { return verdict(test) == wanted; });
}

const CoverageRow& CoverageAssessment::row(const std::string& name) const {
  return rows.at(place_of(name));
}

CoverageAssessment assess(const Coverage& c, std::uint64_t seed) {
  const Columns all = columns(c, c.shape.quantities), few = columns(c, tarp_quantities);
  const Mocks mocks = all.view();
  check(mocks);
  CoverageAssessment a{};
  a.mocks = mocks.count;
  a.draws = mocks.draws;
  a.ks_limit = ks_limit(mocks.count, 0.05);
  for (std::int64_t q = 0; q < mocks.quantities; ++q) {
    CoverageRow row{
        c.names[std::size_t(q)], c.units[std::size_t(q)], sbc_ranks(mocks, q, seed), {}, {}, 0,
        z_scores(mocks, q),      contraction(mocks, q)};
    row.central_68 = interval_coverage(row.ranks, mocks.draws, 0.68);
    row.central_95 = interval_coverage(row.ranks, mocks.draws, 0.95);
    row.ks = rank_ks(row.ranks, mocks.draws);
    test_intervals(a, row.name, "68 %", row.central_68);
    test_intervals(a, row.name, "95 %", row.central_95);
    test_ranks(a, row.name, row.ks);
    a.nominal_68 = row.central_68.nominal;
    a.nominal_95 = row.central_95.nominal;
    a.rows.push_back(std::move(row));
  }
  a.tarp = tarp_ranks(few.view(), few.reference, seed);
  a.tarp_ks = rank_ks(a.tarp, mocks.draws);
  test_ranks(a, "TARP of mass, age, metallicity and SFR of parts", a.tarp_ks);
  a.sfr_bins = bins(a, c, "SFR", &CoveredMock::sfr_rank);
  a.log_z_bins = bins(a, c, "log Z", &CoveredMock::log_z_rank);
  test_chi2(a, c, place_of("log-likelihood"));
  return a;
}

const char* name_of(Verdict verdict) {
  return verdict == Verdict::ok ? "ok" : verdict == Verdict::doubtful ? "doubtful" : "FAILED";
}

std::vector<std::vector<std::string>> coverage_cells(const CoverageAssessment& a) {
  const auto with_error = [](double value, double error) {
    return formatted("%.2f \u00b1 %.2f", value, error);
  };
  std::vector<std::vector<std::string>> table = {
      {"quantity", "in 68 %", "in 95 %", "ranks, KS", "z mean", "z rms", "contraction"}};
  for (const CoverageRow& r : a.rows)
    table.push_back({r.name, with_error(r.central_68.share, r.central_68.error),
                     with_error(r.central_95.share, r.central_95.error), formatted("%.3f", r.ks),
                     with_error(r.z.mean, error_of(r.z, a.mocks)),
                     with_error(r.z.rms, error_of(r.z, 2 * a.mocks)),
                     formatted("%.3f", r.contraction)});
  table.push_back({"expected", formatted("%.2f", a.nominal_68), formatted("%.2f", a.nominal_95),
                   formatted("below %.3f", a.ks_limit), "0", "1", ""});
  return table;
}

std::string coverage_text(const CoverageAssessment& a) {
  std::string text;
  for (const auto& row : coverage_cells(a)) {
    for (std::size_t i = 0; i + 1 < row.size(); ++i) text += padded(row[i], i == 0 ? 18 : 14);
    text += row.back() + '\n';
  }
  text += formatted("median reduced chi2: draws %.4g, truths %.4g\n\n",
                    quantiles(a.draws_chi2, std::vector{0.5})[0],
                    quantiles(a.truth_chi2, std::vector{0.5})[0]);
  for (const CoverageTest& test : a.tests)
    text += test.subject + ": " + test.finding + ": " + name_of(a.verdict(test)) + '\n';
  return text + formatted("%zu tests: %lld ok, %lld doubtful, %lld failed\n", a.tests.size(),
                          static_cast<long long>(a.count(Verdict::ok)),
                          static_cast<long long>(a.count(Verdict::doubtful)),
                          static_cast<long long>(a.count(Verdict::failed)));
}

std::string coverage_csv(const CoverageAssessment& a) {
  std::string text = "quantity,unit,in_68,in_68_expected,in_68_error,in_95,in_95_expected,"
                     "in_95_error,ks,ks_limit,z_mean,z_mean_error,z_rms,z_rms_error,contraction\n";
  for (const CoverageRow& r : a.rows) {
    text += '"' + r.name + "\"," + r.unit;
    for (const double number :
         {r.central_68.share, r.central_68.nominal, r.central_68.error, r.central_95.share,
          r.central_95.nominal, r.central_95.error, r.ks, a.ks_limit, r.z.mean,
          error_of(r.z, a.mocks), r.z.rms, error_of(r.z, 2 * a.mocks), r.contraction})
      text += std::isfinite(number) ? formatted(",%.9g", number) : ",";
    text += '\n';
  }
  text += "\nsubject,finding,p,verdict\n";
  for (const CoverageTest& test : a.tests)
    text += '"' + test.subject + "\",\"" + test.finding + "\"," + formatted("%.4g,", test.p) +
            name_of(a.verdict(test)) + '\n';
  return text;
}

} // namespace lookback::tools
