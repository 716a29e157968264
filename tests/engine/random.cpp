#include "engine/backend.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>

using namespace lookback;

namespace {

using Words = std::array<std::uint32_t, 4>;

Words words_of(PhiloxBlock block) {
  return {block.word[0], block.word[1], block.word[2], block.word[3]};
}

std::vector<double> numbers(const Stream& stream, std::size_t count,
                            double (Stream::*draw)(std::uint64_t) const) {
  std::vector<double> values(count);
  for (std::size_t i = 0; i < count; ++i) values[i] = (stream.*draw)(i);
  return values;
}

double moment(const std::vector<double>& values, int power) {
  double sum = 0;
  for (double value : values) sum += std::pow(value, power);
  return sum / double(values.size());
}

double normal_cdf(double x) {
  return 0.5 * std::erfc(-x / std::sqrt(2.0));
}

// The largest distance between the empirical distribution and `cdf` (Kolmogorov & Smirnov).
template <class Cdf> double distance(std::vector<double> values, Cdf cdf) {
  std::sort(values.begin(), values.end());
  const double n = double(values.size());
  double largest = 0;
  for (std::size_t i = 0; i < values.size(); ++i) {
    const double f = cdf(values[i]);
    largest = std::max({largest, f - double(i) / n, double(i + 1) / n - f});
  }
  return largest;
}

constexpr std::size_t many = 200000;
const double five_sigma = 5 / std::sqrt(double(many));
// P(distance > d) is 2 exp(-2 n d^2): this d is exceeded once in a million streams.
const double rare_distance = std::sqrt(std::log(2e6) / (2 * double(many)));

} // namespace

TEST_CASE("Philox 4x32-10 gives the vectors that its authors publish") { // Random123, kat_vectors
  const std::uint32_t f = 0xffffffff;
  CHECK(words_of(philox({{0, 0, 0, 0}}, 0, 0)) ==
        Words{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8});
  CHECK(words_of(philox({{f, f, f, f}}, f, f)) ==
        Words{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd});
  CHECK(words_of(philox({{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}}, 0xa4093822,
                        0x299f31d0)) == Words{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1});
}

TEST_CASE("uniform numbers lie inside (0, 1) and follow the uniform law") {
  const auto u = numbers({1, Purpose::training_time}, many, &Stream::uniform);
  CHECK(*std::min_element(u.begin(), u.end()) > 0);
  CHECK(*std::max_element(u.begin(), u.end()) < 1);
  CHECK(std::abs(moment(u, 1) - 1.0 / 2) < five_sigma * std::sqrt(1.0 / 12));
  CHECK(std::abs(moment(u, 2) - 1.0 / 3) < five_sigma * std::sqrt(4.0 / 45));
  CHECK(distance(u, [](double x) { return x; }) < rare_distance);
}

TEST_CASE("the ends of the words give numbers inside (0, 1)") {
  CHECK(to_unit(0) == 0x1p-33);
  CHECK(to_unit(0xffffffff) == 1 - 0x1p-33);
}

TEST_CASE("normal numbers follow the normal law") {
  const auto z = numbers({2, Purpose::training_noise}, many, &Stream::normal);
  CHECK(std::abs(moment(z, 1)) < five_sigma);
  CHECK(std::abs(moment(z, 2) - 1) < five_sigma * std::sqrt(2.0));
  CHECK(std::abs(moment(z, 3)) < five_sigma * std::sqrt(15.0));
  CHECK(std::abs(moment(z, 4) - 3) < five_sigma * std::sqrt(96.0));
  CHECK(distance(z, normal_cdf) < rare_distance);
}

TEST_CASE("neighbouring normal numbers are not correlated") {
  const auto z = numbers({3, Purpose::sampler_step}, many, &Stream::normal);
  for (std::size_t lag : {1, 2, 3, 4}) {
    double sum = 0;
    for (std::size_t i = 0; i + lag < many; ++i) sum += z[i] * z[i + lag];
    CHECK(std::abs(sum / double(many)) < five_sigma);
  }
}

TEST_CASE("every component of its key makes another stream") {
  const Stream base{7, Purpose::weights, 3, 4, 5};
  std::vector<Stream> others(6, base);
  others[0].seed = 8;
  others[1].seed = 7 + (std::uint64_t(1) << 32);
  others[2].purpose = Purpose::split;
  others[3].object = 4;
  others[4].draw = 5;
  others[5].step = 6;
  const auto z = numbers(base, 1000, &Stream::normal);
  for (const Stream& other : others) {
    const auto w = numbers(other, 1000, &Stream::normal);
    double correlation = 0;
    for (std::size_t i = 0; i < z.size(); ++i) {
      CHECK(z[i] != w[i]);
      correlation += z[i] * w[i] / double(z.size());
    }
    CHECK(std::abs(correlation) < 5 / std::sqrt(1000.0));
  }
}

TEST_CASE("the portable logarithm, sine and cosine are those of the C library") {
  // Series end where their next term is below 4e-15; the rest is rounding.
  const double most_error = 5e-15;
  for (std::uint32_t i = 0; i < 100000; ++i) {
    const double u = to_unit(philox({{i, 0, 0, 0}}, 0, 0).word[0]);
    CHECK(std::abs(portable_log(u) - std::log(u)) <= most_error * std::abs(std::log(u)));
    double sine, cosine;
    portable_sincos_quarter(u, sine, cosine);
    const double angle = u * 1.5707963267948966;
    CHECK(std::abs(sine - std::sin(angle)) <= most_error);
    CHECK(std::abs(cosine - std::cos(angle)) <= most_error);
  }
  for (std::uint32_t word : {0u, 1u, 0x7fffffffu, 0x80000000u, 0xffffffffu})
    CHECK(portable_log(to_unit(word)) ==
          doctest::Approx(std::log(to_unit(word))).epsilon(most_error));
}

TEST_CASE("a tensor's noise is its stream's, sample by sample") {
  const Stream key{11, Purpose::sampler_start, 2, 40, 1};
  Tensor x({3, 5, 2}, DType::f64, cpu_backend()), u({3, 7}, DType::f64, cpu_backend());
  cpu_backend().normal(key, x);
  cpu_backend().uniform(key, u);
  const auto z = x.values<double>(), v = u.values<double>();
  for (std::uint32_t b = 0; b < 3; ++b) {
    Stream sample = key;
    sample.draw += b;
    for (std::size_t i = 0; i < 10; ++i) CHECK(z[b * 10 + i] == sample.normal(i));
    for (std::size_t i = 0; i < 7; ++i) CHECK(v[b * 7 + i] == sample.uniform(i));
  }
}

TEST_CASE("float32 noise is float64 noise rounded") {
  Tensor x({2, 33}, DType::f32, cpu_backend()), y({2, 33}, DType::f64, cpu_backend());
  cpu_backend().normal({5}, x);
  cpu_backend().normal({5}, y);
  const auto single = x.values<float>();
  const auto wide = y.values<double>();
  for (std::size_t i = 0; i < wide.size(); ++i) CHECK(single[i] == float(wide[i]));
}
