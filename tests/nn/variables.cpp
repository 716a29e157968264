#include "nn/variables.hpp"

#include "engine/random.hpp"
#include "nn/optimizer.hpp"
#include "nn/score_matching.hpp"
#include "tests/tools/files_helpers.hpp"

#include <cmath>
#include <doctest/doctest.h>

using namespace lookback;
using namespace lookback::test;

namespace {

constexpr std::size_t L = 8;
const std::string names[] = {"sfr_msun_per_yr", "log_z_zsun"};

// Histories [N, L, 2] over five decades in mass, with empty bins.
std::vector<float> histories(std::size_t count) {
  std::vector<float> data(count * L * 2);
  const Stream stream{.seed = 3, .purpose = Purpose::synthetic_history};
  for (std::size_t i = 0; i < data.size() / 2; ++i) {
    const double mass = std::pow(10, 5 * stream.uniform(i / L) - 3);
    data[2 * i] = i % 5 == 0 ? 0 : float(mass * std::exp(stream.normal(2 * i)));
    data[2 * i + 1] = float(0.3 * stream.normal(2 * i + 1) - 0.5);
  }
  return data;
}

nn::Normalization standardised(std::vector<float>& data, nn::SfrVariable variable, double floor) {
  nn::to_variables(data, L, 2, variable, floor);
  nn::Normalization n = nn::normalization_of(data, L, names);
  n.sfr = variable;
  n.floor = floor;
  nn::standardise(data, n, L);
  return n;
}

} // namespace

TEST_CASE("histories come back from the variables of every kind") {
  const std::vector<float> truth = histories(50);
  for (const auto& [variable, floor] : {std::pair{nn::SfrVariable::linear, 0.0},
                                        {nn::SfrVariable::asinh, 1e-3},
                                        {nn::SfrVariable::relative, 0.02}}) {
    CAPTURE(nn::name_of(variable));
    std::vector<float> data = truth;
    const nn::Normalization n = standardised(data, variable, floor);
    for (std::size_t b = 0; b < 50; ++b) {
      const std::vector<double> x(data.begin() + std::ptrdiff_t(b * L * 2),
                                  data.begin() + std::ptrdiff_t((b + 1) * L * 2));
      const std::vector<double> h = nn::history_of(x, n, 2);
      double mean = 0;
      for (std::size_t l = 0; l < L; ++l) mean += truth[(b * L + l) * 2] / double(L);
      // x is float32: its error 6e-8 |x| std is one of v, and a relative one of SFR + floor. The
      // linear one has no floor, but the error of the largest galaxy's rate.
      const double least = variable == nn::SfrVariable::linear  ? n.std[0] * 10
                           : variable == nn::SfrVariable::asinh ? floor
                                                                : floor * mean;
      for (std::size_t l = 0; l < L; ++l) {
        const double sfr = truth[(b * L + l) * 2], z = truth[(b * L + l) * 2 + 1];
        CHECK(std::abs(h[l] - sfr) < 1e-5 * (std::abs(sfr) + least));
        CHECK(std::abs(h[L + l] - z) < 1e-6);
      }
    }
  }
}

TEST_CASE("derivatives of histories agree with differences, and gradients with the derivatives") {
  for (const auto& [variable, floor] : {std::pair{nn::SfrVariable::linear, 0.0},
                                        {nn::SfrVariable::asinh, 1e-3},
                                        {nn::SfrVariable::relative, 0.02}}) {
    CAPTURE(nn::name_of(variable));
    std::vector<float> data = histories(20);
    const nn::Normalization n = standardised(data, variable, floor);
    std::vector<double> x(data.begin(), data.begin() + 2 * L);
    const nn::HistoryDerivative d = nn::history_derivative(x, n, 2);
    const std::vector<double> h = nn::history_of(x, n, 2);
    for (std::size_t j = 0; j < 2 * L; ++j) { // j over [C, L], x is [L, C]
      double& each = x[j % L * 2 + j / L];
      const double at = each, step = 1e-5;
      each = at + step;
      const std::vector<double> high = nn::history_of(x, n, 2);
      each = at - step;
      const std::vector<double> low = nn::history_of(x, n, 2);
      each = at;
      std::vector<double> gradient(2 * L); // of each h_i in turn
      for (std::size_t i = 0; i < 2 * L; ++i) {
        const double expected = (high[i] - low[i]) / (2 * step);
        std::fill(gradient.begin(), gradient.end(), 0.0);
        gradient[i] = 1;
        d.pull_back(gradient);
        const double scale = std::abs(h[i]) + (i < L ? d.diagonal[i] : 1);
        CHECK(std::abs(gradient[j] - expected) < 1e-8 * scale); // step^2, and rounding over step
      }
    }
  }
}

TEST_CASE("a factor in mass shifts relative variables by its logarithm") {
  std::vector<float> small = histories(5), large = small;
  for (std::size_t i = 0; i < large.size(); i += 2) large[i] *= 1024;
  nn::to_variables(small, L, 2, nn::SfrVariable::relative, 0.02);
  nn::to_variables(large, L, 2, nn::SfrVariable::relative, 0.02);
  for (std::size_t i = 0; i < small.size(); i += 2)
    CHECK(large[i] - small[i] == doctest::Approx(std::log(1024.0)).epsilon(1e-6));
}

TEST_CASE("variables that cannot be are refused") {
  std::vector<float> data(2 * L, 0.0f);
  CHECK(contains(message([&] { nn::to_variables(data, L, 2, nn::SfrVariable::relative, 0.02); }),
                 "history 0"));
  CHECK(
      contains(message([&] { nn::to_variables(data, L, 2, nn::SfrVariable::asinh, 0); }), "floor"));
  CHECK(contains(message([] { nn::sfr_variable("log"); }), "linear, asinh or relative"));
}

// For data N(0, 1) the best r is the score of N(0, 1 + sigma^2) times sigma: -sigma x/(1 +
// sigma^2), which is what a preconditioned network whose F is 0 gives.
TEST_CASE("a preconditioned network that gives 0 is the denoiser of standard normal data") {
  nn::NcsnppConfig c{.channels = 2, .nf = 8, .ch_mult = {1, 2}, .num_res_blocks = 1};
  c.preconditioned = true;
  nn::Ncsnpp network(c, cpu_backend());
  cpu_backend().fill(network.params().flat(), 0);
  const nn::VeSde sde;
  const Tensor x({3, 8, 2}, DType::f32, cpu_backend());
  cpu_backend().normal({.seed = 1, .purpose = Purpose::sampler_start}, x);
  const std::vector<float> times = {0.0f, 0.6f, 1.0f}, values = x.values<float>();
  const std::vector<float> r =
      nn::scaled_score(network, sde, Tensor::from<float>({3}, times, cpu_backend()), x)
          .values<float>();
  for (std::size_t i = 0; i < r.size(); ++i) {
    const double sigma = sde.sigma(times[i / 16]);
    CHECK(r[i] == doctest::Approx(-sigma / (1 + sigma * sigma) * values[i]).epsilon(1e-6));
  }
}

TEST_CASE("loss weights and times follow their definitions") {
  nn::LossOptions o;
  CHECK(nn::loss_weight(o, 3) == 1);
  o.weight = "edm";
  CHECK(nn::loss_weight(o, 3) == 10);
  o.weight = "min-snr";
  CHECK(nn::loss_weight(o, 0.1) == doctest::Approx(0.05));
  CHECK(nn::loss_weight(o, 1) == 1);
  o.weight = "snr";
  CHECK(contains(message([&] { nn::loss_weight(o, 1); }), "min-snr"));
  const nn::VeSde sde;
  CHECK(nn::training_time(o, sde, 3, 8, 0.5) == 0.5);
  o.times = "stratified";
  CHECK(nn::training_time(o, sde, 3, 8, 0.5) == 3.5 / 8);
  o.times = "log-normal";
  CHECK(sde.sigma(nn::training_time(o, sde, 3, 8, 1)) == doctest::Approx(std::exp(0.0)));
  CHECK(nn::training_time(o, sde, 3, 8, 9) == 1);
}

TEST_CASE("the cosine schedule falls from the rate to zero") {
  nn::OptimizerOptions o{.learning_rate = 2, .cosine_steps = 100};
  CHECK(o.rate(0) == 2);
  CHECK(o.rate(50) == doctest::Approx(1));
  CHECK(o.rate(100) == doctest::Approx(0));
  o.warmup = 10;
  CHECK(o.rate(0) == 0);
}
