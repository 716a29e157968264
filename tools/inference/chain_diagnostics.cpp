#include "tools/inference/chain_diagnostics.hpp"

#include "engine/error.hpp"

#include <algorithm>
#include <cmath>
#include <span>

namespace lookback::tools {

namespace {

double mean_of(std::span<const double> v) {
  double sum = 0;
  for (const double each : v) sum += each;
  return sum / double(v.size());
}
double variance_of(std::span<const double> v) {
  const double mean = mean_of(v);
  double sum = 0;
  for (const double each : v) sum += (each - mean) * (each - mean);
  return sum / double(v.size() - 1);
}

// Mean variance within chains, and variance of everything by BDA3 (11.3).
struct Variances {
  double within, total;
};
Variances variances(const std::vector<std::span<const double>>& chains) {
  std::vector<double> means, within;
  for (const auto& chain : chains) {
    means.push_back(mean_of(chain));
    within.push_back(variance_of(chain));
  }
  const double n = double(chains[0].size()), w = mean_of(within);
  return {w, (n - 1) / n * w + variance_of(means)};
}

void check(const std::vector<std::vector<double>>& values) {
  require(values.size() >= 2 && values[0].size() >= 4, "diagnostics: ", values.size(),
          " chains; expected at least 2, of at least 4 moves");
}

} // namespace

double split_r_hat(const std::vector<std::vector<double>>& values) {
  check(values);
  std::vector<std::span<const double>> halves;
  const std::size_t half = values[0].size() / 2;
  for (const auto& chain : values) {
    halves.push_back(std::span(chain).first(half));
    halves.push_back(std::span(chain).last(half));
  }
  const Variances v = variances(halves);
  return v.within > 0 ? std::sqrt(v.total / v.within) : (v.total > 0 ? INFINITY : 1);
}

double effective_draws(const std::vector<std::vector<double>>& values) {
  check(values);
  const std::size_t chains = values.size(), n = values[0].size();
  const Variances v = variances({values.begin(), values.end()});
  if (!(v.within > 0)) return 0; // no chain has moved
  const auto correlation = [&](std::size_t lag) {
    double sum = 0;
    for (const auto& chain : values) {
      const double mean = mean_of(chain);
      for (std::size_t i = 0; i + lag < n; ++i) sum += (chain[i] - mean) * (chain[i + lag] - mean);
    }
    return 1 - (v.within - sum / double(chains * n)) / v.total;
  };
  double time = -1, least = INFINITY; // integrated autocorrelation
  for (std::size_t lag = 0; lag + 1 < n; lag += 2) {
    const double pair = lag == 0 ? 1 + correlation(1) : correlation(lag) + correlation(lag + 1);
    if (pair < 0) break;
    least = std::min(least, pair);
    time += 2 * least;
  }
  return double(chains * n) / std::max(time, 1 / std::log10(double(chains * n)));
}

} // namespace lookback::tools
