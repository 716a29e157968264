#include "tools/quality/coverage.hpp"

#include "engine/error.hpp"

#include <algorithm>
#include <cmath>

namespace lookback::tools {

namespace {

struct Moments {
  double mean, variance; // unbiased
};

template <class F> Moments moments(std::int64_t n, F&& value) {
  double sum = 0, squares = 0;
  for (std::int64_t i = 0; i < n; ++i) sum += value(i);
  const double mean = sum / double(n);
  for (std::int64_t i = 0; i < n; ++i) squares += (value(i) - mean) * (value(i) - mean);
  return {mean, squares / double(n - 1)};
}

double truth(const Mocks& m, std::int64_t mock, std::int64_t q) {
  return m.truth[std::size_t(mock * m.quantities + q)];
}

double draw(const Mocks& m, std::int64_t mock, std::int64_t d, std::int64_t q) {
  return m.posterior[std::size_t((mock * m.draws + d) * m.quantities + q)];
}

Moments of_truths(const Mocks& m, std::int64_t q) {
  return moments(m.count, [&](std::int64_t i) { return truth(m, i, q); });
}

Moments of_draws(const Mocks& m, std::int64_t mock, std::int64_t q) {
  return moments(m.draws, [&](std::int64_t d) { return draw(m, mock, d, q); });
}

// Number of the n values below `x`; of those equal to it any number, all equally likely.
template <class F> int rank(double x, std::int64_t n, F&& value, const Stream& chance) {
  int below = 0, ties = 0;
  for (std::int64_t i = 0; i < n; ++i) {
    const double v = value(i);
    below += v < x;
    ties += v == x;
  }
  return below + std::min(int(chance.uniform(0) * (ties + 1)), ties);
}

Stream chance_of(std::uint64_t seed, std::int64_t object, std::int64_t mock) {
  return {.seed = seed,
          .purpose = Purpose::shuffle,
          .object = std::uint32_t(object),
          .draw = std::uint32_t(mock)};
}

bool all_finite(std::span<const double> values) {
  return std::all_of(values.begin(), values.end(), [](double v) { return std::isfinite(v); });
}

} // namespace

void check(const Mocks& m) {
  require(m.count >= 2 && m.draws >= 3 && m.quantities >= 1, "coverage needs at least 2 mocks, 3 ",
          "draws and a quantity; there are ", m.count, ", ", m.draws, " and ", m.quantities);
  require(std::int64_t(m.truth.size()) == m.count * m.quantities &&
              std::int64_t(m.posterior.size()) == m.count * m.draws * m.quantities,
          "coverage: ", m.truth.size(), " truths and ", m.posterior.size(), " values of draws do ",
          "not fit ", m.count, " mocks of ", m.quantities, " quantities and ", m.draws, " draws");
  require(all_finite(m.truth), "coverage: a truth is not finite");
  require(all_finite(m.posterior), "coverage: a draw is not finite");
}

int rank_among(double truth, std::span<const double> draws, const Stream& chance) {
  return rank(
      truth, std::int64_t(draws.size()), [&](std::int64_t d) { return draws[std::size_t(d)]; },
      chance);
}

std::vector<int> sbc_ranks(const Mocks& m, std::int64_t q, std::uint64_t seed) {
  std::vector<int> ranks;
  for (std::int64_t i = 0; i < m.count; ++i)
    ranks.push_back(rank(
        truth(m, i, q), m.draws, [&](std::int64_t d) { return draw(m, i, d, q); },
        chance_of(seed, q, i)));
  return ranks;
}

std::vector<int> tarp_ranks(const Mocks& m, std::span<const double> references,
                            std::uint64_t seed) {
  require(references.size() == m.truth.size(), "coverage: ", references.size(),
          " numbers of reference points, expected ", m.truth.size());
  std::vector<double> weight;
  for (std::int64_t q = 0; q < m.quantities; ++q) {
    const double variance = of_truths(m, q).variance;
    weight.push_back(variance > 0 ? 1 / variance : 0);
  }
  std::vector<int> ranks;
  for (std::int64_t i = 0; i < m.count; ++i) {
    const auto squared_distance = [&](auto&& value) {
      double sum = 0;
      for (std::int64_t q = 0; q < m.quantities; ++q) {
        const double step = value(q) - references[std::size_t(i * m.quantities + q)];
        sum += weight[std::size_t(q)] * step * step;
      }
      return sum;
    };
    const auto of_draw = [&](std::int64_t d) {
      return squared_distance([&](std::int64_t q) { return draw(m, i, d, q); });
    };
    ranks.push_back(rank(squared_distance([&](std::int64_t q) { return truth(m, i, q); }), m.draws,
                         of_draw, chance_of(seed, m.quantities, i)));
  }
  return ranks;
}

double rank_ks(std::span<const int> ranks, std::int64_t draws) {
  std::vector<double> count(std::size_t(draws + 1), 0.0);
  for (const int r : ranks) ++count[std::size_t(r)];
  double below = 0, largest = 0;
  for (std::size_t r = 0; r < count.size(); ++r) {
    below += count[r] / double(ranks.size());
    largest = std::max(largest, std::abs(below - double(r + 1) / double(draws + 1)));
  }
  return largest;
}

double ks_limit(std::int64_t count, double probability) {
  return std::sqrt(std::log(2 / probability) / (2 * double(count)));
}

// Between the k-th draw from below and from above lie the ranks k ... draws - k.
IntervalCoverage interval_coverage(std::span<const int> ranks, std::int64_t draws, double level) {
  const auto places = double(draws + 1);
  const auto k = std::clamp<std::int64_t>(std::lround(0.5 * (1 - level) * places), 1, draws / 2);
  const double nominal = 1 - 2 * double(k) / places, n = double(ranks.size());
  const auto inside =
      std::count_if(ranks.begin(), ranks.end(), [&](int r) { return r >= k && r <= draws - k; });
  return {nominal, double(inside) / n, std::sqrt(nominal * (1 - nominal) / n)};
}

ZScores z_scores(const Mocks& m, std::int64_t q) {
  double sum = 0, squares = 0;
  for (std::int64_t i = 0; i < m.count; ++i) {
    const Moments posterior = of_draws(m, i, q);
    const double z = (truth(m, i, q) - posterior.mean) /
                     std::sqrt(posterior.variance * (1 + 1 / double(m.draws)));
    sum += z;
    squares += z * z;
  }
  return {sum / double(m.count), std::sqrt(squares / double(m.count))};
}

double contraction(const Mocks& m, std::int64_t q) {
  double sum = 0;
  for (std::int64_t i = 0; i < m.count; ++i) sum += of_draws(m, i, q).variance;
  return 1 - sum / double(m.count) / of_truths(m, q).variance;
}

} // namespace lookback::tools
