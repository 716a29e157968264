#include "tools/quality/distances.hpp"

#include "engine/parallel.hpp"
#include "tools/files/samples.hpp"
#include "tools/quality/history_set.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace lookback::tools {

namespace {

void sort_finite(std::vector<double>& values) {
  std::erase_if(values, [](double v) { return !std::isfinite(v); });
  std::sort(values.begin(), values.end());
}

// Calls f(from, to, F_a - F_b) for every interval between neighbouring values.
template <class F> void walk(std::vector<double>& a, std::vector<double>& b, F&& f) {
  sort_finite(a);
  sort_finite(b);
  if (a.empty() || b.empty()) return;
  std::size_t i = 0, j = 0;
  while (i < a.size() || j < b.size()) {
    const double at = j == b.size() || (i < a.size() && a[i] <= b[j]) ? a[i] : b[j];
    while (i < a.size() && a[i] == at) ++i;
    while (j < b.size() && b[j] == at) ++j;
    const double next = std::min(i < a.size() ? a[i] : INFINITY, j < b.size() ? b[j] : INFINITY);
    f(at, next, double(i) / double(a.size()) - double(j) / double(b.size()));
  }
}

double squared_distance(const float* x, const float* y, std::size_t columns) {
  float sum = 0;
  for (std::size_t c = 0; c < columns; ++c) sum += (x[c] - y[c]) * (x[c] - y[c]);
  return sum;
}

double pqmass_once(std::span<const float> a, std::span<const float> b, std::size_t columns,
                   const PqmassOptions& o, int repeat) {
  const auto n = std::int64_t(a.size() / columns), m = std::int64_t(b.size() / columns);
  const auto row = [&](std::int64_t i) {
    return i < n ? &a[std::size_t(i) * columns] : &b[std::size_t(i - n) * columns];
  };
  const std::vector<std::int64_t> order = shuffled(n + m, o.seed, std::uint32_t(repeat));
  std::vector<double> in_a(std::size_t(o.regions)), in_b(in_a);
  for (std::int64_t k = o.regions; k < n + m; ++k) {
    const std::int64_t i = order[std::size_t(k)];
    int nearest = 0;
    double least = INFINITY;
    for (int r = 0; r < o.regions; ++r) {
      const double d = squared_distance(row(i), row(order[std::size_t(r)]), columns);
      if (d < least) {
        least = d;
        nearest = r;
      }
    }
    ++(i < n ? in_a : in_b)[std::size_t(nearest)];
  }
  double total_a = 0, total_b = 0, chi2 = 0;
  for (const double count : in_a) total_a += count;
  for (const double count : in_b) total_b += count;
  int occupied = 0;
  for (std::size_t r = 0; r < in_a.size(); ++r) {
    const double both = in_a[r] + in_b[r];
    if (both == 0) continue;
    ++occupied;
    const double share = total_a / (total_a + total_b), expected_a = both * share;
    // Both classes' terms: (in_a - expected)^2 (1/expected_a + 1/expected_b).
    chi2 += (in_a[r] - expected_a) * (in_a[r] - expected_a) / (expected_a * (1 - share));
  }
  return chi2_survival(chi2, occupied - 1);
}

} // namespace

double ks_distance(std::vector<double> a, std::vector<double> b) {
  double largest = NAN;
  walk(a, b, [&](double, double, double gap) { largest = std::fmax(largest, std::abs(gap)); });
  return largest;
}

double wasserstein_distance(std::vector<double> a, std::vector<double> b) {
  double area = NAN;
  walk(a, b, [&](double from, double to, double gap) {
    if (std::isnan(area)) area = 0;
    if (std::isfinite(to)) area += (to - from) * std::abs(gap);
  });
  return area;
}

std::vector<double> correlation_matrix(std::span<const double> x, std::size_t columns) {
  const std::size_t rows = x.size() / columns;
  std::vector<double> mean(columns, 0.0), matrix(columns * columns, 0.0);
  for (std::size_t i = 0; i < x.size(); ++i) mean[i % columns] += x[i] / double(rows);
  std::vector<double> d(columns);
  for (std::size_t r = 0; r < rows; ++r) {
    for (std::size_t c = 0; c < columns; ++c) d[c] = x[r * columns + c] - mean[c];
    for (std::size_t c = 0; c < columns; ++c)
      for (std::size_t k = 0; k <= c; ++k) matrix[c * columns + k] += d[c] * d[k];
  }
  for (std::size_t c = 0; c < columns; ++c)
    for (std::size_t k = 0; k < c; ++k) {
      const double scale = std::sqrt(matrix[c * columns + c] * matrix[k * columns + k]);
      const double r = scale > 0 ? matrix[c * columns + k] / scale : 0;
      matrix[c * columns + k] = matrix[k * columns + c] = r;
    }
  for (std::size_t c = 0; c < columns; ++c) matrix[c * columns + c] = 1;
  return matrix;
}

Deviation deviation(std::span<const double> a, std::span<const double> b) {
  double squares = 0, largest = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    squares += (a[i] - b[i]) * (a[i] - b[i]);
    largest = std::max(largest, std::abs(a[i] - b[i]));
  }
  return {std::sqrt(squares / double(a.size())), largest};
}

// Q(s, h) of s = degrees/2, h = x/2 by Q(s + 1, h) = Q(s, h) + h^s e^-h / Gamma(s + 1) from
// Q(1/2, h) = erfc(sqrt h) or Q(1, h) = e^-h.
double chi2_survival(double x, int degrees) {
  if (degrees < 1 || !(x > 0)) return 1;
  const double h = x / 2;
  const bool odd = degrees % 2;
  double q = odd ? std::erfc(std::sqrt(h)) : std::exp(-h);
  double term = odd ? 2 * std::sqrt(h / std::numbers::pi) * std::exp(-h) : h * std::exp(-h);
  for (double s = odd ? 0.5 : 1; s < 0.5 * degrees; ++s) {
    q += term;
    term *= h / (s + 1);
  }
  return std::min(q, 1.0);
}

double pqmass(std::span<const float> a, std::span<const float> b, std::size_t columns,
              const PqmassOptions& options) {
  PqmassOptions o = options;
  // chi^2 needs a few members of each set in a cell.
  constexpr std::size_t per_region = 10;
  const std::size_t fewer = std::min(a.size(), b.size()) / columns;
  o.regions = std::max(2, int(std::min(std::size_t(o.regions), fewer / per_region)));
  if (fewer < std::size_t(o.regions)) return NAN;
  std::vector<double> p(std::size_t(o.repeats));
  parallel_for(o.repeats,
               [&](std::int64_t k) { p[std::size_t(k)] = pqmass_once(a, b, columns, o, int(k)); });
  return quantiles(p, std::vector{0.5})[0];
}

} // namespace lookback::tools
