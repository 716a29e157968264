#include "tools/prepare/correlated_noise.hpp"

#include <cmath>
#include <numbers>

namespace lookback::tools {

namespace {
constexpr double two_pi = 2 * std::numbers::pi;
}

CorrelatedNoise::CorrelatedNoise(int steps, double step_gyr, double slope)
    : steps_(steps), modes_(steps - 1), span_gyr_(2 * steps * step_gyr), slope_(slope),
      cosine_(std::size_t(modes_) * steps), sine_(cosine_.size()) {
  for (int mode = 0; mode < modes_; ++mode)
    for (int step = 0; step < steps; ++step) {
      const double angle = two_pi * (mode + 1) * step / (2.0 * steps);
      cosine_[std::size_t(mode) * steps + step] = std::cos(angle);
      sine_[std::size_t(mode) * steps + step] = std::sin(angle);
    }
}

double CorrelatedNoise::power(double frequency_per_gyr, double break_gyr) const {
  return 1 / (1 + std::pow(two_pi * frequency_per_gyr * break_gyr, slope_));
}

std::vector<double> CorrelatedNoise::draw(const Stream& stream, double sigma,
                                          double break_gyr) const {
  std::vector<double> amplitude(modes_), noise(steps_, 0.0);
  double variance = 0;
  for (int mode = 0; mode < modes_; ++mode) {
    const double power_of_mode = power((mode + 1) / span_gyr_, break_gyr);
    amplitude[mode] = std::sqrt(power_of_mode);
    variance += power_of_mode;
  }
  const double scale = sigma / std::sqrt(variance);
  double z[4];
  for (int mode = 0; mode < modes_; ++mode) {
    if (mode % 2 == 0) normals(stream.words(std::uint32_t(mode / 2)), z);
    const double a = scale * amplitude[mode] * z[2 * (mode % 2)];
    const double b = scale * amplitude[mode] * z[2 * (mode % 2) + 1];
    const double* cosine = &cosine_[std::size_t(mode) * steps_];
    const double* sine = &sine_[std::size_t(mode) * steps_];
    for (int step = 0; step < steps_; ++step) noise[step] += a * cosine[step] + b * sine[step];
  }
  return noise;
}

} // namespace lookback::tools
