#include "tools/quality/history_statistics.hpp"

#include "physics/time_bins.hpp"

#include <Eigen/QR>
#include <algorithm>
#include <cmath>
#include <numbers>

namespace lookback::tools {

std::vector<double> scaled_histories(const HistorySet& set, double floor_msun_per_yr) {
  std::vector<double> scaled;
  scaled.reserve(2 * set.sfr_msun_per_yr.size());
  for (std::int64_t i = 0; i < set.count(); ++i) {
    for (int b = 0; b < set.bins; ++b)
      scaled.push_back(std::asinh(set.sfr(i)[b] / floor_msun_per_yr));
    for (int b = 0; b < set.bins; ++b) scaled.push_back(set.log_z(i)[b]);
  }
  return scaled;
}

std::vector<physics::DerivedQuantities> derived_quantities(const HistorySet& set) {
  const physics::DerivedModel model({set.bin_edges_gyr}, 0);
  std::vector<physics::DerivedQuantities> all;
  Eigen::VectorXd history(2 * set.bins);
  for (std::int64_t i = 0; i < set.count(); ++i) {
    for (int b = 0; b < set.bins; ++b) {
      history(b) = set.sfr(i)[b];
      history(set.bins + b) = set.log_z(i)[b];
    }
    all.push_back(model(history));
  }
  return all;
}

std::vector<std::vector<double>> quantiles_by_bin(std::span<const float> values, int bins,
                                                  std::span<const double> levels) {
  std::vector<std::vector<double>> result(levels.size());
  for (int b = 0; b < bins; ++b) {
    std::vector<double> column;
    for (std::size_t i = std::size_t(b); i < values.size(); i += std::size_t(bins))
      column.push_back(values[i]);
    const std::vector<double> q = quantiles(column, levels);
    for (std::size_t level = 0; level < levels.size(); ++level) result[level].push_back(q[level]);
  }
  return result;
}

std::vector<double> quenched_share(const HistorySet& set) {
  constexpr double yr_per_gyr = 1e9;
  std::vector<double> quenched(std::size_t(set.bins), 0.0), with_stars(quenched);
  for (std::int64_t i = 0; i < set.count(); ++i) {
    double mass = 0;
    for (std::size_t b = 0; b < quenched.size(); ++b) {
      const double rate = std::max(double(set.sfr(i)[b]), 0.0);
      mass += rate * (set.bin_edges_gyr[b + 1] - set.bin_edges_gyr[b]) * yr_per_gyr;
      if (!(mass > 0)) continue;
      ++with_stars[b];
      if (rate < quenched_per_yr * mass) ++quenched[b];
    }
  }
  for (std::size_t b = 0; b < quenched.size(); ++b) quenched[b] /= with_stars[b];
  return quenched;
}

double negative_share(const HistorySet& set) {
  const auto& sfr = set.sfr_msun_per_yr;
  return double(std::count_if(sfr.begin(), sfr.end(), [](float s) { return s < 0; })) /
         double(sfr.size());
}

std::vector<double> without_trend(std::span<const double> x, int degree) {
  const auto n = Eigen::Index(x.size());
  Eigen::MatrixXd powers(n, degree + 1);
  for (Eigen::Index i = 0; i < n; ++i)
    for (int d = 0; d <= degree; ++d)
      powers(i, d) = std::pow(2 * (double(i) + 0.5) / double(n) - 1, d);
  const Eigen::Map<const Eigen::VectorXd> values(x.data(), n);
  const Eigen::VectorXd rest = values - powers * powers.householderQr().solve(values);
  return {rest.begin(), rest.end()};
}

std::vector<double> power_spectrum(std::span<const double> x) {
  const std::size_t n = x.size();
  std::vector<double> power;
  for (std::size_t k = 1; k <= n / 2; ++k) {
    double cosine = 0, sine = 0;
    for (std::size_t i = 0; i < n; ++i) {
      const double angle = 2 * std::numbers::pi * double(k * i % n) / double(n);
      cosine += x[i] * std::cos(angle);
      sine += x[i] * std::sin(angle);
    }
    const double both_signs = 2 * k == n ? 1 : 2; // frequencies k and n - k
    power.push_back(both_signs * (cosine * cosine + sine * sine) / double(n * n));
  }
  return power;
}

std::vector<double> burst_spectrum(const HistorySet& set) {
  constexpr double raise = 0.01;
  constexpr int degree = 3;
  std::vector<double> sum(std::size_t(set.bins / 2), 0.0), logs(std::size_t(set.bins), 0.0);
  double used = 0;
  for (std::int64_t i = 0; i < set.count(); ++i) {
    double mean = 0;
    for (int b = 0; b < set.bins; ++b) mean += std::max(set.sfr(i)[b], 0.0f) / double(set.bins);
    if (!(mean > 0)) continue;
    for (int b = 0; b < set.bins; ++b)
      logs[std::size_t(b)] = std::log10(std::max(set.sfr(i)[b], 0.0f) + raise * mean);
    const std::vector<double> power = power_spectrum(without_trend(logs, degree));
    for (std::size_t k = 0; k < sum.size(); ++k) sum[k] += power[k];
    ++used;
  }
  for (double& power : sum) power /= used;
  return sum;
}

std::vector<double> correlation_by_lag(std::span<const double> matrix, int bins, int row,
                                       int column) {
  std::vector<double> by_lag(std::size_t(bins), 0.0);
  for (int lag = 0; lag < bins; ++lag) {
    for (int b = 0; b + lag < bins; ++b)
      by_lag[std::size_t(lag)] +=
          matrix[std::size_t((row * bins + b) * 2 * bins + column * bins + b + lag)];
    by_lag[std::size_t(lag)] /= bins - lag;
  }
  return by_lag;
}

} // namespace lookback::tools
