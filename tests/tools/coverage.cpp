// Calibration statistics on a Gaussian model: theta ~ N(0, 1) of three quantities, data y = theta +
// s e, so that the posterior is N(y/(1 + s^2), s^2/(1 + s^2)).
#include "tools/quality/coverage.hpp"
#include "engine/error.hpp"
#include "engine/random.hpp"
#include "tests/tools/files_helpers.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>

using namespace lookback;
using namespace lookback::tools;

namespace {

constexpr std::int64_t mocks = 500, draws = 63, quantities = 3;
constexpr double noise = 0.7, variance = noise * noise / (1 + noise * noise);
constexpr double chance = 1e-4; // of an exact posterior failing one check; seeds are fixed
constexpr double sigmas = 3.9;  // normal deviate of that probability

struct Planted {
  double width = 1, shift = 0; // of the posterior, in its standard deviations
  bool prior = false;
};

struct Model {
  std::vector<double> truth, posterior, by_data, by_chance;

  explicit Model(const Planted& p) {
    for (std::uint32_t i = 0; i < mocks; ++i) {
      const auto normal = [&](std::uint32_t part, std::int64_t element) {
        return Stream{.seed = 5, .object = i, .draw = part}.normal(std::uint64_t(element));
      };
      double y[quantities];
      for (std::int64_t q = 0; q < quantities; ++q) {
        truth.push_back(normal(0, q));
        y[q] = truth.back() + noise * normal(1, q);
        by_data.push_back(y[q] / (1 + noise * noise) + 0.3 * normal(2, q));
        by_chance.push_back(normal(3, q));
      }
      for (std::int64_t d = 0; d < draws; ++d)
        for (std::int64_t q = 0; q < quantities; ++q) {
          const double z = normal(4, d * quantities + q), sd = std::sqrt(variance);
          posterior.push_back(p.prior ? z
                                      : y[q] / (1 + noise * noise) + sd * (p.shift + p.width * z));
        }
    }
  }
  Mocks view() const { return {mocks, draws, quantities, truth, posterior}; }
};

struct Found {
  bool ranks = false, intervals = false, z_mean = false, z_rms = false, contraction = false;
  bool tarp = false, tarp_by_chance = false;
};

Found found(const Planted& planted) {
  const Model model(planted);
  const Mocks m = model.view();
  check(m);
  const double limit = ks_limit(mocks, chance);
  Found f;
  for (std::int64_t q = 0; q < quantities; ++q) {
    const std::vector<int> ranks = sbc_ranks(m, q, 1);
    f.ranks |= rank_ks(ranks, draws) > limit;
    for (const double level : {0.68, 0.95}) {
      const IntervalCoverage c = interval_coverage(ranks, draws, level);
      f.intervals |= std::abs(c.share - c.nominal) > sigmas * c.error;
    }
    // Student's t of draws - 1 degrees of freedom; the error of its rms is that of a normal.
    const double expected = std::sqrt(double(draws - 1) / double(draws - 3));
    const ZScores z = z_scores(m, q);
    f.z_mean |= std::abs(z.mean) > sigmas * expected / std::sqrt(double(mocks));
    f.z_rms |= std::abs(z.rms / expected - 1) > sigmas / std::sqrt(2.0 * mocks);
    // The variance of the truths is known to sqrt(2/mocks), so the remaining share is, too.
    f.contraction |=
        std::abs(contraction(m, q) - (1 - variance)) > variance * sigmas * std::sqrt(2.0 / mocks);
  }
  f.tarp = rank_ks(tarp_ranks(m, model.by_data, 1), draws) > limit;
  f.tarp_by_chance = rank_ks(tarp_ranks(m, model.by_chance, 1), draws) > limit;
  return f;
}

} // namespace

TEST_CASE("an exact posterior passes every statistic of coverage") {
  const Found f = found({});
  CHECK_FALSE(f.ranks);
  CHECK_FALSE(f.intervals);
  CHECK_FALSE(f.z_mean);
  CHECK_FALSE(f.z_rms);
  CHECK_FALSE(f.contraction);
  CHECK_FALSE(f.tarp);
  CHECK_FALSE(f.tarp_by_chance);
}

TEST_CASE("a posterior too wide or too narrow is caught") {
  for (const double width : {1.5, 0.7}) {
    CAPTURE(width);
    const Found f = found({.width = width});
    CHECK(f.intervals);
    CHECK(f.z_rms);
    CHECK(f.contraction);
    CHECK(f.tarp);
  }
}

TEST_CASE("a posterior shifted by half its width is caught by ranks and z-scores") {
  const Found f = found({.shift = 0.5});
  CHECK(f.ranks);
  CHECK(f.z_mean);
}

TEST_CASE("the prior in place of the posterior is caught by contraction and by references that "
          "depend on the data, and by nothing else") {
  const Found f = found({.prior = true});
  CHECK(f.contraction);
  CHECK(f.tarp);
  CHECK_FALSE(f.ranks);
  CHECK_FALSE(f.intervals);
  CHECK_FALSE(f.z_rms);
  CHECK_FALSE(f.tarp_by_chance);
}

TEST_CASE("ranks count the draws below the truth, and share ties evenly") {
  const std::vector<double> truth{2.5, 2, 9}, posterior{1, 2, 3, 4, 1, 2, 2, 3, 1, 2, 3, 4};
  const Mocks m{3, 4, 1, truth, posterior};
  int lowest = 9, highest = 0;
  for (std::uint64_t seed = 0; seed < 50; ++seed) { // misses one of three with chance 3 (2/3)^50
    const std::vector<int> ranks = sbc_ranks(m, 0, seed);
    CHECK(ranks[0] == 2);
    CHECK(ranks[2] == 4);
    lowest = std::min(lowest, ranks[1]);
    highest = std::max(highest, ranks[1]);
  }
  CHECK(lowest == 1);
  CHECK(highest == 3);
  CHECK(tarp_ranks(m, std::vector<double>{2.6, 0, 0}, 0)[0] == 0);
}

TEST_CASE("uniform ranks have distance 0, one rank alone its own, and intervals their share") {
  const std::vector<int> uniform{0, 1, 2, 3, 4, 5, 6, 7, 8, 9};
  CHECK(rank_ks(uniform, 9) == doctest::Approx(0));
  CHECK(rank_ks(std::vector<int>{0, 0, 0}, 9) == doctest::Approx(0.9));
  const IntervalCoverage c = interval_coverage(uniform, 9, 0.6);
  CHECK(c.nominal == doctest::Approx(0.6));
  CHECK(c.share == doctest::Approx(0.6));
  CHECK(c.error == doctest::Approx(std::sqrt(0.024)));
  CHECK(ks_limit(100, 0.05) == doctest::Approx(0.1358).epsilon(1e-3)); // 1.358/sqrt(n)
}

TEST_CASE("mocks that do not fit together are refused") {
  const std::vector<double> one{1, 2}, draws_of_two{1, 2, 3, 4, 5, 6};
  CHECK_NOTHROW(check({2, 3, 1, one, draws_of_two}));
  CHECK(test::contains(test::message([&] { check({2, 4, 1, one, draws_of_two}); }), "do not fit"));
  CHECK(test::contains(test::message([&] { check({1, 3, 1, one, draws_of_two}); }), "at least"));
  std::vector<double> broken = draws_of_two;
  broken[3] = std::numeric_limits<double>::quiet_NaN();
  CHECK(test::contains(test::message([&] { check({2, 3, 1, one, broken}); }), "finite"));
}
