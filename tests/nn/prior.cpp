#include "network_golden.hpp"

#include <doctest/doctest.h>

#include <filesystem>

using namespace lookback;
using namespace lookback::test;

TEST_CASE("a prior file gives back the network, the normalisation and the training state") {
  nn::Prior prior;
  prior.config.channels = 2;
  prior.config.nf = 8;
  prior.config.ch_mult = {1, 2};
  prior.config.combine_method = "cat";
  prior.length = 8;
  prior.normalization = {std::vector<double>(16, 0.5), std::vector<double>(16, 2.0)};
  for (int i = 0; i <= 8; ++i) prior.bin_edges_gyr.push_back(1.5 * i);
  prior.network = std::make_unique<nn::Ncsnpp>(prior.config, cpu_backend());
  nn::Params& params = prior.network->params();
  params.initialise(9);
  nn::TrainingState state{nn::Optimizer(params), {3, 2, 1}};
  cpu_backend().fill(state.optimizer.average, 0.25);
  cpu_backend().fill(state.optimizer.moment_2, 0.125);
  state.optimizer.step = 77;

  const auto path = std::filesystem::temp_directory_path() / "lookback_test_prior.h5";
  nn::write_prior(path, prior, &state, "{}", true);
  nn::Prior back = nn::read_prior(path, cpu_backend());
  CHECK(back.config.combine_method == "cat");
  CHECK(back.config.ch_mult == prior.config.ch_mult);
  CHECK(back.normalization.std == prior.normalization.std);
  const auto all = [&](const Tensor& flat) {
    std::vector<float> values;
    for (const auto& entry : params.entries())
      for (float v : params.outside(entry, flat)) values.push_back(v);
    return values;
  };
  CHECK(all(back.network->params().flat()) == all(state.optimizer.average));
  const auto resumed = nn::read_training(path, back);
  REQUIRE(resumed);
  CHECK(resumed->optimizer.step == 77);
  CHECK(resumed->losses == state.losses);
  CHECK(all(back.network->params().flat()) == all(params.flat()));
  CHECK(all(resumed->optimizer.moment_2) == all(state.optimizer.moment_2));
  std::filesystem::remove(path);
}
