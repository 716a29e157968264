// Statistics of sets of histories against closed forms and planted differences.
#include "engine/random.hpp"
#include "tools/quality/classifier.hpp"
#include "tools/quality/distances.hpp"
#include "tools/quality/history_statistics.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <numbers>

using namespace lookback;
using namespace lookback::tools;

namespace {

// Row i of standard normals is stream (seed, i).
std::vector<double> normals(std::uint64_t seed, std::int64_t rows, std::int64_t columns) {
  std::vector<double> x;
  for (std::int64_t r = 0; r < rows; ++r)
    for (std::int64_t c = 0; c < columns; ++c)
      x.push_back(Stream{.seed = seed, .draw = std::uint32_t(r)}.normal(std::uint64_t(c)));
  return x;
}

double normal_cdf(double x) {
  return 0.5 * std::erfc(-x / std::numbers::sqrt2);
}

// Normal deviate exceeded with probability 1e-4 by a true statistic; seeds are fixed.
constexpr double sigmas = 3.9;

HistorySet set_of(const std::vector<std::vector<float>>& sfr) {
  HistorySet set;
  set.bins = int(sfr[0].size());
  for (int edge = 0; edge <= set.bins; ++edge) set.bin_edges_gyr.push_back(0.2 * edge);
  for (const auto& history : sfr) {
    set.sfr_msun_per_yr.insert(set.sfr_msun_per_yr.end(), history.begin(), history.end());
    set.log_z_zsun.resize(set.sfr_msun_per_yr.size(), -0.5f);
  }
  return set;
}

} // namespace

TEST_CASE("the KS distance and Wasserstein distance of shifted normals have their closed forms") {
  constexpr int n = 20000;
  constexpr double shift = 0.5;
  const std::vector<double> a = normals(1, n, 1);
  std::vector<double> b = normals(2, n, 1), moved = a;
  for (double& v : b) v += shift;
  for (double& v : moved) v += shift;
  // sup |F_a - F_b| lies at shift/2. Error: that of two binomial shares.
  const double p = normal_cdf(shift / 2), expected = 2 * p - 1;
  CHECK(std::abs(ks_distance(a, b) - expected) < sigmas * std::sqrt(2 * p * (1 - p) / n));
  CHECK(std::abs(wasserstein_distance(a, b) - shift) < sigmas * std::sqrt(2.0 / n));
  CHECK(wasserstein_distance(a, moved) == doctest::Approx(shift).epsilon(1e-12));
  CHECK(ks_distance(a, a) == 0);
  CHECK(wasserstein_distance(a, a) == 0);
}

TEST_CASE("distances of small samples, with ties and values that are not finite, are exact") {
  CHECK(ks_distance({1, 2, 3}, {4, 5}) == 1);
  CHECK(wasserstein_distance({1, 2, 3}, {4, 5}) == doctest::Approx(2.5));
  CHECK(ks_distance({0, 0, 0, 1}, {0, 1, 1, 1}) == doctest::Approx(0.5));
  CHECK(wasserstein_distance({0, 0, 0, 1}, {0, 1, 1, 1}) == doctest::Approx(0.5));
  CHECK(ks_distance({NAN, 1, 2}, {1, 2, -INFINITY}) == 0);
  CHECK(std::isnan(ks_distance({NAN}, {1})));
}

TEST_CASE("correlations of a known matrix are found") {
  constexpr int n = 20000;
  constexpr double r = 0.6;
  std::vector<double> x = normals(3, n, 3);
  for (int i = 0; i < n; ++i) {
    x[3 * i + 1] = r * x[3 * i] + std::sqrt(1 - r * r) * x[3 * i + 1];
    x[3 * i + 2] = 7;
  }
  const std::vector<double> found = correlation_matrix(x, 3);
  const std::vector<double> expected{1, r, 0, r, 1, 0, 0, 0, 1};
  const Deviation d = deviation(found, expected);
  CHECK(d.largest < sigmas * (1 - r * r) / std::sqrt(double(n)));
  CHECK(d.rms == doctest::Approx(d.largest * std::sqrt(2.0 / 9)));
  CHECK(
      correlation_by_lag(std::vector<double>{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16},
                         2, 0, 1) == std::vector<double>{5.5, 4});
}

TEST_CASE(
    "a sine has half its squared amplitude at its frequency, and powers sum to the variance") {
  constexpr int n = 64;
  std::vector<double> sine, x = normals(4, n, 1);
  for (int i = 0; i < n; ++i) sine.push_back(0.3 * std::sin(2 * std::numbers::pi * 9 * i / n + 1));
  const std::vector<double> power = power_spectrum(sine);
  for (int k = 1; k <= n / 2; ++k)
    CHECK(power[k - 1] == doctest::Approx(k == 9 ? 0.045 : 0.0).epsilon(1e-12));
  double mean = 0, variance = 0, sum = 0;
  for (const double v : x) mean += v / n;
  for (const double v : x) variance += (v - mean) * (v - mean) / n;
  for (const double p : power_spectrum(x)) sum += p;
  CHECK(sum == doctest::Approx(variance).epsilon(1e-12));
}

TEST_CASE("a cubic trend is removed whole, and rates in proportion to time have no bursts") {
  std::vector<double> cubic;
  for (int i = 0; i < 40; ++i) cubic.push_back(3 - 0.2 * i + 1e-3 * i * i - 4e-5 * i * i * i);
  for (const double rest : without_trend(cubic, 3)) CHECK(std::abs(rest) < 1e-12);
  std::vector<float> constant(64, 5.0f);
  for (const double power : burst_spectrum(set_of({constant, constant}))) CHECK(power < 1e-12);
}

TEST_CASE("burstiness does not depend on mass and shows the period of a planted variation") {
  std::vector<std::vector<float>> histories(2);
  for (int i = 0; i < 64; ++i) {
    const double rate = std::pow(10, 0.2 * std::cos(2 * std::numbers::pi * 16 * i / 64.0));
    histories[0].push_back(float(rate));
    histories[1].push_back(float(1e4 * rate));
  }
  const auto small = burst_spectrum(set_of({histories[0]}));
  const auto large = burst_spectrum(set_of({histories[1]}));
  for (std::size_t k = 0; k < small.size(); ++k)
    CHECK(std::abs(small[k] - large[k]) < 1e-5 * small[15]); // float32 rates
  // 0.2^2/2, less what raising all rates by one hundredth of the mean takes: d log10(r + c) is
  // smaller by r/(r + c), at most c/r = 0.01 mean/r in amplitude; with r/mean > 0.57, twice 1.8 %.
  CHECK(small[15] < 0.02);
  CHECK(small[15] > 0.02 * (1 - 0.036) * (1 - 0.036));
}

TEST_CASE(
    "galaxies are quenched by their specific rate, and before their first stars not counted") {
  // Bins of 2e8 yr. First: 1 then 0. Second: stars only in the last bin. Third: never.
  const auto share = quenched_share(set_of({{1, 0, 0}, {0, 0, 1}, {0, 0, 0}, {1, 1, -1}}));
  CHECK(share == std::vector<double>{0, 0.5, 2.0 / 3});
  const float edge = float(1e-11 * 2e8); // rate that is 1e-11/yr of 1 Msun/yr in one bin
  CHECK(quenched_share(set_of({{1, edge * 0.99f}}))[1] == 1);
  CHECK(quenched_share(set_of({{1, edge * 1.01f}}))[1] == 0);
  CHECK(negative_share(set_of({{1, 0, -1, -2}})) == 0.5);
}

TEST_CASE("the survival function of chi^2 agrees with its closed forms and published quantiles") {
  for (const double x : {0.1, 1.0, 7.0, 60.0}) {
    CHECK(chi2_survival(x, 1) == doctest::Approx(std::erfc(std::sqrt(x / 2))).epsilon(1e-13));
    CHECK(chi2_survival(x, 2) == doctest::Approx(std::exp(-x / 2)).epsilon(1e-13));
    CHECK(chi2_survival(x, 4) == doctest::Approx((1 + x / 2) * std::exp(-x / 2)).epsilon(1e-13));
  }
  // Abramowitz & Stegun 1964, table 26.8: upper 5 % points.
  CHECK(chi2_survival(11.0705, 5) == doctest::Approx(0.05).epsilon(1e-4));
  CHECK(chi2_survival(124.342, 100) == doctest::Approx(0.05).epsilon(1e-4));
  CHECK(chi2_survival(0, 5) == 1);
}

TEST_CASE("PQMass gives uniform p for equal distributions and tiny p for a shifted one") {
  constexpr int trials = 200, n = 400, columns = 4;
  std::vector<double> p, uniform;
  for (int t = 0; t < trials; ++t) {
    const auto a = normals(std::uint64_t(100 + 2 * t), n, columns);
    const auto b = normals(std::uint64_t(101 + 2 * t), n, columns);
    p.push_back(pqmass(std::vector<float>(a.begin(), a.end()),
                       std::vector<float>(b.begin(), b.end()), columns,
                       {.regions = 20, .repeats = 1, .seed = std::uint64_t(t)}));
    uniform.push_back((t + 0.5) / trials);
  }
  // KS of one sample: exceeded with probability 1e-4 above sqrt(-ln(0.5e-4)/2n) = 0.157; uniform[]
  // itself is within 0.5/n of the distribution.
  CHECK(ks_distance(p, uniform) < 0.157 + 0.5 / trials);
  const auto a = normals(7, 2000, columns);
  auto b = normals(8, 2000, columns);
  for (std::size_t i = 0; i < b.size(); i += columns) b[i] += 0.5;
  CHECK(pqmass(std::vector<float>(a.begin(), a.end()), std::vector<float>(b.begin(), b.end()),
               columns, {}) < 1e-4);
}

namespace {

constexpr std::int64_t members = 1500;
constexpr int bins = 16;

// Two channels of `bins` that follow one random walk, with noise of their own.
std::vector<double> walks(std::uint64_t seed) {
  const auto steps = normals(seed, members, 3 * bins);
  std::vector<double> x;
  for (std::int64_t i = 0; i < members; ++i) {
    double level = 0;
    std::vector<double> other;
    for (int b = 0; b < bins; ++b) {
      const double* z = &steps[std::size_t((i * bins + b) * 3)];
      level += z[0];
      x.push_back(level + z[1]);
      other.push_back(level + z[2]);
    }
    x.insert(x.end(), other.begin(), other.end());
  }
  return x;
}

} // namespace

TEST_CASE("the classifier stays at one half for equal distributions") {
  for (const std::uint64_t seed : {1, 2}) {
    const Accuracy a =
        classifier_accuracy(walks(10 * seed), walks(10 * seed + 1), 2 * bins, {.seed = seed});
    CAPTURE(a.value);
    CHECK(a.error == doctest::Approx(0.5 / std::sqrt(2.0 * members)));
    CHECK(std::abs(a.value - 0.5) < sigmas * a.error);
  }
}

TEST_CASE("the classifier finds one bin shifted by half a standard deviation, at most as Bayes") {
  const auto a = walks(3);
  auto b = walks(4);
  // Independent normals: the best possible accuracy is Phi(shift/2).
  const auto plain_a = normals(5, members, 2 * bins);
  auto plain_b = normals(6, members, 2 * bins);
  for (std::size_t i = 5; i < plain_b.size(); i += 2 * bins) plain_b[i] += 0.5;
  const Accuracy plain = classifier_accuracy(plain_a, plain_b, 2 * bins, {});
  CHECK(plain.value > 0.5 + sigmas * plain.error);
  CHECK(plain.value < normal_cdf(0.25) + sigmas * plain.error);
  const double deviation = std::sqrt(7.0); // of bin 5 of a walk: 6 steps and its own noise
  for (std::size_t i = 5; i < b.size(); i += 2 * bins) b[i] += 0.5 * deviation;
  CHECK(classifier_accuracy(a, b, 2 * bins, {}).value > 0.5 + 10 * plain.error);
}

TEST_CASE("the classifier finds channels that have lost their correlation") {
  const auto a = walks(11), b = walks(12);
  auto broken = b;
  for (std::size_t i = 0; i < std::size_t(members); ++i) // the second channel of the next galaxy
    for (std::size_t c = bins; c < 2 * bins; ++c)
      broken[i * 2 * bins + c] = b[(i + 1) % members * 2 * bins + c];
  const Accuracy accuracy = classifier_accuracy(a, broken, 2 * bins, {});
  CHECK(accuracy.value > 0.5 + 10 * accuracy.error);
}

TEST_CASE("blurring takes from the classifier what is finer") {
  const auto a = normals(31, members, 2);
  auto b = normals(32, members, 2);
  for (std::size_t i = 0; i < b.size(); i += 2) b[i] += 2;
  const Accuracy sharp = classifier_accuracy(a, b, 2, {});
  const Accuracy blurred = classifier_accuracy(a, b, 2, {.blur = 2});
  // Over both sets the shifted column has variance 1 + 1.
  const double best = normal_cdf(1 / std::sqrt(1 + 2 * 2 * 2.0));
  CHECK(std::abs(sharp.value - normal_cdf(1)) < sigmas * sharp.error);
  CHECK(std::abs(blurred.value - best) < sigmas * blurred.error);
}
