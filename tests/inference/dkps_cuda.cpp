// Levels of dkps on the CUDA backend against the host's.
#include "tests/cuda_device.hpp"
#include "tests/inference/gaussian_case.hpp"
#include "tools/inference/dkps_on_device.hpp"
#include "tools/inference/nuisance.hpp"

#include <doctest/doctest.h>

using namespace lookback;
using namespace lookback::test;
using namespace lookback::tools;
using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;

namespace {

constexpr Index bins = 8, formed = 7, metallicities = 3;

// Random populations, seen at S/N of about 10 in each of some numbers.
SpectrumTerms spectrum(Index size, bool free_parameters, nn::SfrVariable variable) {
  SpectrumTerms s;
  s.populations = {bins, formed, Eigen::Vector3d(-1, 0, 0.4)};
  s.normalization.mean.assign(2 * bins, 0.3);
  s.normalization.std.assign(2 * bins, 0.8);
  s.normalization.sfr = variable;
  s.normalization.floor = 0.1;
  Index nodes = 1;
  if (free_parameters) {
    s.free = {even_prior(&physics::Nuisance::a_v, 0, 2),
              gaussian_prior(&physics::Nuisance::redshift, 0.05, 2e-4)};
    s.axes = {Eigen::Vector3d(0.1, 1.0, 1.9), Eigen::Vector3d(0.0490, 0.0500, 0.0510)};
    nodes = 9;
  }
  const MatrixXd common = normals(size, metallicities * formed, 31);
  s.r.resize(nodes * size, common.cols());
  for (Index k = 0; k < nodes; ++k) // neighbouring nodes differ little
    s.r.middleRows(k * size, size) =
        10 * (common + 0.1 * double(k) * normals(size, common.cols(), 32));
  s.y = VectorXd::Zero(size);
  s.y = normals(size, 1, 33) - SpectrumData(s).residual(0.5 * normals(s.dimension(), 1, 34));
  return s;
}

GaussianMixture mixture_of_three() {
  return {Eigen::Vector3d(0.2, 0.5, 0.3),
          normals(2 * bins, 3, 40),
          {covariance(2 * bins, 41), covariance(2 * bins, 42), covariance(2 * bins, 43)}};
}

std::shared_ptr<ConditionalPrior> conditional(const SpectrumTerms& s) {
  const auto histories = std::make_shared<MixtureConditional>(mixture_of_three());
  if (s.free.empty()) return histories;
  return std::make_shared<JointConditional>(histories, Index(s.free.size()));
}

nn::Prior small_prior(Backend& backend) {
  nn::Prior prior;
  prior.config.channels = 2;
  prior.config.nf = 8;
  prior.config.ch_mult = {1, 2};
  prior.config.num_res_blocks = 1;
  prior.config.preconditioned = true;
  prior.length = bins;
  prior.network = std::make_unique<nn::Ncsnpp>(prior.config, backend);
  prior.network->params().initialise(5);
  return prior;
}

} // namespace

TEST_CASE("cuda: a level of dkps draws what the host draws") {
  Backend* cuda = cuda_device_or_skip();
  if (!cuda) return;
  const Index chains = 3;
  const DkpsOptions o{.levels = 12, .seed = 8};
  const std::vector<double> sigma = karras_levels(o.sigma_max, o.sigma_min, o.levels);
  for (const bool free : {false, true})
    for (const auto variable : {nn::SfrVariable::asinh, nn::SfrVariable::linear}) {
      if (free && variable == nn::SfrVariable::linear) continue;
      for (const Index size : {3, 20}) { // fewer numbers than a history has, and more
        const SpectrumTerms s = spectrum(size, free, variable);
        const SpectrumData data(s);
        for (const std::size_t level : {0u, 5u, 11u}) {
          CAPTURE(free);
          CAPTURE(std::string(nn::name_of(variable)));
          CAPTURE(size);
          CAPTURE(level);
          const MatrixXd mean = normals(s.dimension(), chains, 50),
                         x_t = mean + sigma[level] * normals(s.dimension(), chains, 51);
          LevelReport here, there;
          const MatrixXd host =
              conditional_draws(*conditional(s), data, x_t, mean, level, sigma[level], 3, o, &here);
          const MatrixXd device = conditional_draws_on_device(*cuda, mixture_of_three(), s, x_t,
                                                              mean, level, 3, o, &there);
          // Rounding, magnified by Newton's last step: it ends at 1e-4 and errs by its square.
          CHECK((device - host).cwiseAbs().maxCoeff() < 1e-6);
          CHECK(there.accepted == doctest::Approx(here.accepted));
          CHECK(there.pull == doctest::Approx(here.pull).epsilon(1e-6));
        }
      }
    }
}

TEST_CASE("cuda: a level of dkps under data that say nothing is the host's, too") {
  Backend* cuda = cuda_device_or_skip();
  if (!cuda) return;
  SpectrumTerms s = spectrum(2, false, nn::SfrVariable::asinh);
  s.r *= 1e-12;
  const MatrixXd x_t = normals(s.dimension(), 2, 51), mean = normals(s.dimension(), 2, 50);
  const DkpsOptions o{.levels = 12, .seed = 8};
  const double sigma = karras_levels(o.sigma_max, o.sigma_min, o.levels)[5];
  const MatrixXd host =
      conditional_draws(*conditional(s), SpectrumData(s), x_t, mean, 5, sigma, 3, o);
  const MatrixXd device =
      conditional_draws_on_device(*cuda, mixture_of_three(), s, x_t, mean, 5, 3, o);
  CHECK((device - host).cwiseAbs().maxCoeff() < 1e-6);
}

TEST_CASE("cuda: dkps with every level on the device follows the host's chains") {
  Backend* cuda = cuda_device_or_skip();
  if (!cuda) return;
  const nn::Prior here = small_prior(cpu_backend()), there = small_prior(*cuda);
  const NetworkDenoiser network(here);
  const DkpsOptions o{.levels = 6, .seed = 8};
  for (const bool free : {false, true}) {
    CAPTURE(free);
    const SpectrumTerms s = spectrum(6, free, nn::SfrVariable::asinh);
    const JointDenoiser denoiser(network, Index(s.free.size()));
    const SpectrumData data(s);
    const DkpsDraws host = sample_dkps(denoiser, *conditional(s), data, 2, 4, o);
    int levels = 0;
    const DkpsDraws device =
        sample_dkps_on_device(there, mixture_of_three(), s, 2, 4, o, [&] { ++levels; });
    CHECK(levels == o.levels);
    // The networks agree to 1e-5 in float32.
    CHECK((device.x - host.x).cwiseAbs().maxCoeff() < 1e-3);
    REQUIRE(device.levels.size() == host.levels.size());
    for (std::size_t k = 0; k < host.levels.size(); ++k) {
      CHECK(device.levels[k].accepted == doctest::Approx(host.levels[k].accepted));
      CHECK(device.levels[k].pull == doctest::Approx(host.levels[k].pull).epsilon(1e-3));
    }
    const MatrixXd again = sample_dkps_on_device(there, mixture_of_three(), s, 2, 4, o).x;
    CHECK(again == device.x); // the same bits
  }
}

TEST_CASE("cuda: dkps refuses rates that the device does not take") {
  Backend* cuda = cuda_device_or_skip();
  if (!cuda) return;
  const SpectrumTerms s = spectrum(3, false, nn::SfrVariable::relative);
  CHECK(!device_takes(s.normalization));
  const MatrixXd x = MatrixXd::Zero(s.dimension(), 1);
  CHECK_THROWS_WITH_AS(conditional_draws_on_device(*cuda, mixture_of_three(), s, x, x, 0, 0, {}),
                       "dkps: the device does not take relative rates", Error);
}
