#include "network_golden.hpp"
#include "nn/sampler.hpp"

#include <doctest/doctest.h>

#include <optional>

using namespace lookback;
using namespace lookback::test;

namespace {

// The golden trajectories use the tiny network.
struct Golden {
  H5Reader file;
  std::unique_ptr<nn::Ncsnpp> network;
  nn::VeSde sde;
};

std::optional<Golden> open() {
  const auto path = golden("score_models/ve_sde.h5"), net = golden("score_models/ncsnpp_tiny.h5");
  if (path.empty() || net.empty()) return std::nullopt;
  return Golden{H5Reader(path), golden_network(H5Reader(net)), {}};
}

// Step `step` of a stored sequence [steps, B, C, L].
Tensor slice(const H5Reader& file, const std::string& name, int step) {
  const Extents e = file.extents(name);
  const auto values = file.read<float>(name);
  const std::size_t n = std::size_t(e[1] * e[2] * e[3]);
  return from_bcl(std::span(values).subspan(std::size_t(step) * n, n), e[1], e[2], e[3]);
}

nn::Noise stored(const H5Reader& file, const std::string& name) {
  return [&file, name](int step) { return slice(file, name, step); };
}

} // namespace

TEST_CASE("sigma, diffusion and the prior's density are score_models'") {
  const auto path = golden("score_models/ve_sde.h5");
  if (path.empty()) return;
  const H5Reader file(path);
  const auto t = file.read<double>("grid/t");
  std::vector<double> sigma, sigma_2, g, g_2;
  const nn::VeSde sde, sde_2{0.001, 16, 2};
  for (double v : t) {
    sigma.push_back(sde.sigma(v));
    sigma_2.push_back(sde_2.sigma(2 * v)); // the grid of the _T2 cases is T t
    g.push_back(sde.diffusion(v));
    g_2.push_back(sde_2.diffusion(2 * v));
  }
  // float32 powers in the reference: relative, element by element.
  const auto close = [&](const std::vector<double>& ours, const std::string& name) {
    const auto theirs = file.read<double>("grid/" + name);
    for (std::size_t i = 0; i < ours.size(); ++i)
      CHECK(ours[i] == doctest::Approx(theirs[i]).epsilon(golden_tolerance));
  };
  close(sigma, "sigma");
  close(sigma_2, "sigma_T2");
  close(g, "diffusion");
  close(g_2, "diffusion_T2");
  const auto x = file.read<double>("grid/prior_x"),
             expected = file.read<double>("grid/prior_log_prob");
  for (std::size_t b = 0; b < 3; ++b) {
    double squares = 0;
    for (std::size_t i = 0; i < 128; ++i) squares += x[b * 128 + i] * x[b * 128 + i];
    CHECK(sde.prior_log_density(squares, 128) ==
          doctest::Approx(expected[b]).epsilon(golden_tolerance));
  }
  for (double v : {0.1, 0.5, 0.9})
    CHECK(sde.time_of(sde.sigma(v)) == doctest::Approx(v).epsilon(1e-12));
}

TEST_CASE("the sampler's times are score_models' float32 ones, lost last steps included") {
  const auto path = golden("score_models/ve_sde.h5");
  if (path.empty()) return;
  const auto table = H5Reader(path).read<double>("grid/sampler_steps_table");
  for (std::size_t row = 0; row + 3 < table.size(); row += 4) {
    const auto times = nn::euler_maruyama_times(int(table[row]));
    CAPTURE(table[row]);
    CHECK(times.size() == std::size_t(table[row + 1]));
    CHECK(double(times.back()) == table[row + 2]);
  }
}

TEST_CASE("the Euler-Maruyama trajectories are score_models'") {
  auto golden = open();
  if (!golden) return;
  const nn::Score score = nn::prior_score(*golden->network, golden->sde);
  for (const auto& [group, steps] :
       {std::pair{"euler_maruyama_50", 50}, {"euler_maruyama_20_breaks_before_last", 20}}) {
    const std::string g = group;
    CAPTURE(g);
    const bool whole = golden->file.extents(g + "/x")[0] == steps;
    const Tensor result = nn::euler_maruyama(
        score, golden->sde, read_bcl(golden->file, g + "/x_init"), steps,
        stored(golden->file, g + "/z"), [&](int done, const Tensor& x) {
          if (whole)
            CHECK(max_relative_error(to_bcl(x), to_bcl(slice(golden->file, g + "/x", done - 1))) <
                  golden_tolerance);
        });
    CHECK(max_relative_error(to_bcl(result), golden->file.read<float>(g + "/result")) <
          golden_tolerance);
  }
}

TEST_CASE("a likelihood score guides the sampler as in score_models") {
  auto golden = open();
  if (!golden) return;
  const std::string g = "euler_maruyama_posterior";
  const auto y = golden->file.read<float>(g + "/y");
  const double guidance = golden->file.number(g, "guidance_factor"),
               noise = golden->file.number(g, "sigma_n");
  const nn::Score prior = nn::prior_score(*golden->network, golden->sde);
  const nn::Score guided = [&](const Tensor& x, double t) {
    Tensor total = prior(x, t);
    const double sigma = golden->sde.sigma(t), factor = guidance / (noise * noise + sigma * sigma);
    for (std::int64_t b = 0; b < 2; ++b)
      for (std::int64_t l = 0; l < 64; ++l)
        for (std::int64_t c = 0; c < 2; ++c) {
          const std::int64_t i = (b * 64 + l) * 2 + c;
          total.data<float>()[i] +=
              float(factor * (y[std::size_t(c * 64 + l)] - x.data<float>()[i]));
        }
    return total;
  };
  const Tensor result =
      nn::euler_maruyama(guided, golden->sde, read_bcl(golden->file, g + "/x_init"), 50,
                         stored(golden->file, g + "/z"));
  CHECK(max_relative_error(to_bcl(result), golden->file.read<float>(g + "/result")) <
        golden_tolerance);
}

TEST_CASE("the probability-flow trajectories are score_models'") {
  auto golden = open();
  if (!golden) return;
  const nn::Score score = nn::prior_score(*golden->network, golden->sde);
  for (const char* method : {"euler", "heun"})
    for (const char* way : {"encode_0to1", "sampling_1to0"}) {
      const std::string g = std::string("ode_") + method + "_" + way;
      CAPTURE(g);
      const bool encode = way[0] == 'e';
      const Tensor result = nn::integrate_ode(
          score, golden->sde, read_bcl(golden->file, g + "/x_init"), 20, encode ? 0 : 1,
          encode ? 1 : 0, method[0] == 'h' ? nn::OdeMethod::heun : nn::OdeMethod::euler,
          [&](int done, const Tensor& x) {
            CHECK(max_relative_error(to_bcl(x), to_bcl(slice(golden->file, g + "/x", done - 1))) <
                  golden_tolerance);
          });
      CHECK(max_relative_error(to_bcl(result), golden->file.read<float>(g + "/result")) <
            golden_tolerance);
    }
}

TEST_CASE("the log-likelihoods are score_models'") {
  auto golden = open();
  if (!golden) return;
  for (const char* method : {"Euler", "Heun"})
    for (const char* kind : {"rademacher", "gaussian"}) {
      const std::string g = std::string("log_likelihood_") + method + "_" + kind;
      CAPTURE(g);
      const auto result =
          nn::log_likelihood(*golden->network, golden->sde, read_bcl(golden->file, g + "/x0"), 20,
                             method[0] == 'H' ? nn::OdeMethod::heun : nn::OdeMethod::euler,
                             stored(golden->file, g + "/vectors"));
      CHECK(max_relative_error(result, golden->file.read<double>(g + "/result")) <
            golden_tolerance);
    }
}

TEST_CASE("the sampler draws from a Gaussian whose score is known") {
  // p(x) = N(1, 0.5^2): x_t has variance 0.25 + sigma^2, so the score is exact. 8192 draws give the
  // mean to 0.5/sqrt(8192) = 0.006 and the deviation to 0.004; five errors, and the steps' own
  // bias.
  const nn::VeSde sde;
  const nn::Score score = [&](const Tensor& x, double t) {
    Tensor s = empty_like(x);
    const double variance = 0.25 + sde.sigma(t) * sde.sigma(t);
    for (std::int64_t i = 0; i < x.size(); ++i)
      s.data<double>()[i] = (1 - x.data<double>()[i]) / variance;
    return s;
  };
  Tensor x({64, 64, 2}, DType::f64, cpu_backend());
  cpu_backend().normal({.seed = 5, .purpose = Purpose::sampler_start}, x);
  cpu_backend().scale(sde.sigma_max, x, {x, false});
  const Tensor draws = nn::euler_maruyama(score, sde, x, 400, [&](int step) {
    Tensor z = empty_like(x);
    cpu_backend().normal({.seed = 5, .purpose = Purpose::sampler_step, .step = std::uint32_t(step)},
                         z);
    return z;
  });
  double mean = 0, square = 0;
  for (double v : host(draws)) {
    mean += v / double(draws.size());
    square += v * v / double(draws.size());
  }
  CHECK(std::abs(mean - 1) < 0.03);
  CHECK(std::abs(std::sqrt(square - mean * mean) - 0.5) < 0.025);
}

TEST_CASE("a score that is not finite stops the sampler with its step") {
  const nn::Score bad = [](const Tensor& x, double) {
    Tensor s = empty_like(x);
    x.backend().fill(s, NAN);
    return s;
  };
  const Tensor x({1, 2, 1}, DType::f32, cpu_backend());
  cpu_backend().fill(x, 0);
  CHECK_THROWS_AS(nn::euler_maruyama(bad, {}, x, 5, [&](int) { return x; }), Error);

  nn::NcsnppConfig config;
  config.nf = 8;
  config.ch_mult = {1, 2};
  nn::Ncsnpp network(config, cpu_backend());
  cpu_backend().fill(network.params().flat(), NAN);
  CHECK_THROWS_AS(nn::sample_prior(network, {}, x, 5, {}), Error);
}
