#include "tools/prepare/synthetic.hpp"
#include "engine/error.hpp"
#include "engine/parallel.hpp"
#include "tools/prepare/correlated_noise.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <numbers>
#include <numeric>

using namespace lookback;
using namespace lookback::tools;

namespace {

constexpr double particle_msun = 8.5e4;

double bin_yr(const Histories& h) {
  return (h.bin_edges_gyr[1] - h.bin_edges_gyr[0]) * 1e9;
}

// Of the mass formed: the share in the last Gyr, per year.
double specific_rate_per_yr(const Histories& h, std::int64_t galaxy) {
  const int bins_of_a_gyr = int(std::lround(1e9 / bin_yr(h)));
  double recent = 0;
  for (int bin = h.bins - bins_of_a_gyr; bin < h.bins; ++bin)
    recent += h.sfr_msun_per_yr[galaxy * h.bins + bin];
  return recent / bins_of_a_gyr / h.mass_formed_msun[galaxy];
}

double log_z_of_mass(const Histories& h, std::int64_t galaxy) {
  double mass = 0, metals = 0;
  for (std::int64_t i = galaxy * h.bins; i < (galaxy + 1) * h.bins; ++i) {
    mass += h.sfr_msun_per_yr[i];
    metals += h.sfr_msun_per_yr[i] * std::pow(10.0, double(h.log_z_zsun[i]));
  }
  return std::log10(metals / mass);
}

// Galaxies with log10 of the mass formed in [low, high).
std::vector<std::int64_t> of_mass(const Histories& h, double low, double high) {
  std::vector<std::int64_t> galaxies;
  for (std::int64_t i = 0; i < h.count; ++i) {
    const double log_mass = std::log10(h.mass_formed_msun[i]);
    if (log_mass >= low && log_mass < high) galaxies.push_back(i);
  }
  return galaxies;
}

} // namespace

TEST_CASE("a synthetic galaxy does not depend on the count or on the number of threads") {
  set_threads(1);
  const Histories few = make_synthetic(20, 11);
  set_threads(2);
  const Histories many = make_synthetic(100, 11);
  set_threads(0);
  CHECK(std::equal(few.sfr_msun_per_yr.begin(), few.sfr_msun_per_yr.end(),
                   many.sfr_msun_per_yr.begin()));
  CHECK(std::equal(few.log_z_zsun.begin(), few.log_z_zsun.end(), many.log_z_zsun.begin()));
  CHECK(make_synthetic(20, 12).sfr_msun_per_yr != few.sfr_msun_per_yr);
}

TEST_CASE("synthetic histories are whole star particles, with the floor metallicity where none") {
  const Histories h = make_synthetic(2000, 1, 64);
  check(h);
  REQUIRE(h.sfr_msun_per_yr.size() == 2000 * 64);
  std::int64_t empty = 0;
  double worst = 0, richest = -10;
  for (std::size_t i = 0; i < h.sfr_msun_per_yr.size(); ++i) {
    const double particles = h.sfr_msun_per_yr[i] * bin_yr(h) / particle_msun;
    worst = std::max(worst, std::abs(particles - std::round(particles)) / std::max(particles, 1.));
    richest = std::max(richest, double(h.log_z_zsun[i]));
    if (h.sfr_msun_per_yr[i] > 0) continue;
    ++empty;
    REQUIRE(h.log_z_zsun[i] == -1.0f);
  }
  CHECK(worst < 1e-6); // float32
  CHECK(richest <= 0.5);
  CHECK(empty > 0);
  CHECK(*std::min_element(h.sfr_msun_per_yr.begin(), h.sfr_msun_per_yr.end()) >= 0);
  CHECK(h.source.find("Synthetic") != std::string::npos);
}

TEST_CASE("the mass formed is the sum of the rates times the bin widths, within 1e6.5 ... 1e12.2") {
  const Histories h = make_synthetic(500, 2, 32);
  for (std::int64_t i = 0; i < h.count; ++i) {
    double sum = 0;
    for (int bin = 0; bin < h.bins; ++bin) sum += h.sfr_msun_per_yr[i * h.bins + bin];
    REQUIRE(h.mass_formed_msun[i] == doctest::Approx(sum * bin_yr(h)).epsilon(1e-6));
    REQUIRE(std::log10(h.mass_formed_msun[i]) > 6.5);
    REQUIRE(std::log10(h.mass_formed_msun[i]) < 12.2);
  }
}

TEST_CASE("massive synthetic galaxies are quenched more often, older and more metal-rich") {
  const Histories h = make_synthetic(8000, 3);
  constexpr double quenched_below_per_yr = 1e-11;
  const auto share = [&](const std::vector<std::int64_t>& galaxies) {
    return double(std::count_if(galaxies.begin(), galaxies.end(),
                                [&](std::int64_t i) {
                                  return specific_rate_per_yr(h, i) < quenched_below_per_yr;
                                })) /
           double(galaxies.size());
  };
  const auto mean_log_z = [&](const std::vector<std::int64_t>& galaxies) {
    double sum = 0;
    for (const auto i : galaxies) sum += log_z_of_mass(h, i);
    return sum / double(galaxies.size());
  };
  const auto small = of_mass(h, 8, 9), middle = of_mass(h, 9.5, 10), large = of_mass(h, 11, 13);
  REQUIRE(small.size() > 500);
  REQUIRE(middle.size() > 300);
  REQUIRE(large.size() > 60);
  const auto error = [](double p, std::size_t n) { return std::sqrt(p * (1 - p) / double(n)); };
  const double a = share(middle), b = share(large);
  CHECK(b - a > 5 * std::hypot(error(a, middle.size()), error(b, large.size())));
  CHECK(a > 0);
  CHECK(b < 1);
  CHECK(mean_log_z(small) < mean_log_z(middle));
  CHECK(mean_log_z(middle) < mean_log_z(large));
}

TEST_CASE("correlated noise has the variance and the power spectrum asked for") {
  constexpr int steps = 256, draws = 600;
  constexpr double step_gyr = 13.8 / steps, break_gyr = 0.6, sigma = 0.3;
  constexpr double two_pi = 2 * std::numbers::pi;
  for (const double slope : {2.0, 3.0}) {
    CAPTURE(slope);
    const CorrelatedNoise noise(steps, step_gyr, slope);
    // Every third frequency: neighbours are correlated through the Hann window.
    std::vector<int> frequencies;
    for (int k = 8; k < 96; k += 3) frequencies.push_back(k);
    std::vector<double> power(frequencies.size(), 0.0);
    double variance = 0;
    for (std::uint32_t draw = 0; draw < draws; ++draw) {
      const auto x = noise.draw({5, Purpose::synthetic_history, draw, 0, 1}, sigma, break_gyr);
      variance += x[0] * x[0] / draws;
      for (std::size_t f = 0; f < frequencies.size(); ++f) {
        double real = 0, imaginary = 0;
        for (int i = 0; i < steps; ++i) {
          const double window = 0.5 - 0.5 * std::cos(two_pi * (i + 0.5) / steps);
          real += window * x[i] * std::cos(two_pi * frequencies[f] * i / steps);
          imaginary += window * x[i] * std::sin(two_pi * frequencies[f] * i / steps);
        }
        power[f] += real * real + imaginary * imaginary;
      }
    }
    CHECK(std::abs(variance / (sigma * sigma) - 1) < 4 * std::sqrt(2.0 / draws));

    // Slope of measured over expected power against frequency, both logarithmic: zero within its
    // error, each point having the relative error 1 / sqrt(draws).
    double sum_x = 0, sum_y = 0, sum_xx = 0, sum_xy = 0;
    for (std::size_t f = 0; f < frequencies.size(); ++f) {
      const double frequency = frequencies[f] / (steps * step_gyr);
      const double x = std::log(frequency);
      const double y = std::log(power[f] * (1 + std::pow(two_pi * frequency * break_gyr, slope)));
      sum_x += x;
      sum_y += y;
      sum_xx += x * x;
      sum_xy += x * y;
    }
    const double n = double(frequencies.size()), spread = sum_xx - sum_x * sum_x / n;
    const double difference = (sum_xy - sum_x * sum_y / n) / spread;
    CHECK(std::abs(difference) < 4 / std::sqrt(draws * spread));
  }
}

TEST_CASE("a synthetic set needs a positive count and positive bins") {
  CHECK_THROWS_AS(make_synthetic(0, 1), Error);
  CHECK_THROWS_AS(make_synthetic(5, 1, 0), Error);
}

TEST_CASE("galaxies whose halo has nothing in the first steps have metallicities") {
  const Histories h = make_synthetic(249, 38); // the last one is such a galaxy
  for (const float log_z : h.log_z_zsun) REQUIRE(std::isfinite(log_z));
}
