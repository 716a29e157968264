#include "tools/prepare/monotone_curve.hpp"

#include <algorithm>
#include <cmath>

namespace lookback::tools {
namespace {

// Slope at the first of three points, with steps h and chords d; no steeper than keeps the order.
double end_slope(double h_0, double h_1, double d_0, double d_1) {
  const double slope = ((2 * h_0 + h_1) * d_0 - h_0 * d_1) / (h_0 + h_1);
  if (slope * d_0 <= 0) return 0;
  return d_0 * d_1 <= 0 && std::abs(slope) > 3 * std::abs(d_0) ? 3 * d_0 : slope;
}

} // namespace

MonotoneCurve::MonotoneCurve(std::vector<double> x, std::vector<double> y)
    : x_(std::move(x)), y_(std::move(y)), slope_(x_.size()) {
  const std::size_t last = x_.size() - 1;
  const auto h = [&](std::size_t i) { return x_[i + 1] - x_[i]; };
  const auto d = [&](std::size_t i) { return (y_[i + 1] - y_[i]) / h(i); };
  for (std::size_t i = 1; i < last; ++i) {
    if (d(i - 1) * d(i) <= 0) continue;
    const double w_0 = 2 * h(i) + h(i - 1), w_1 = h(i) + 2 * h(i - 1);
    slope_[i] = (w_0 + w_1) / (w_0 / d(i - 1) + w_1 / d(i)); // weighted harmonic mean
  }
  slope_[0] = last > 1 ? end_slope(h(0), h(1), d(0), d(1)) : d(0);
  slope_[last] = last > 1 ? end_slope(h(last - 1), h(last - 2), d(last - 1), d(last - 2)) : d(0);
}

double MonotoneCurve::operator()(double x) const {
  if (x <= x_.front()) return y_.front();
  if (x >= x_.back()) return y_.back();
  const std::size_t i = std::size_t(std::upper_bound(x_.begin(), x_.end(), x) - x_.begin()) - 1;
  const double h = x_[i + 1] - x_[i], t = (x - x_[i]) / h, s = 1 - t;
  return y_[i] + (y_[i + 1] - y_[i]) * t * t * (1 + 2 * s) +
         h * t * s * (slope_[i] * s - slope_[i + 1] * t);
}

} // namespace lookback::tools
