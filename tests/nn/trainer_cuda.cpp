// The trainer on the CUDA backend, where all steps but the first repeat a graph.
#include "nn/trainer.hpp"
#include "tests/cuda_device.hpp"
#include "tests/golden.hpp"

#include <doctest/doctest.h>

using namespace lookback;
using namespace lookback::test;

namespace {

struct Run {
  std::vector<double> losses, gradient_norms, weights;
};

Run train(Backend& backend, Precision precision = Precision::fp32) {
  constexpr std::int64_t length = 8, count = 20, size = 2 * length;
  nn::Prior prior;
  prior.config.channels = 2;
  prior.config.nf = 16;
  prior.config.ch_mult = {1, 2};
  prior.config.num_res_blocks = 1;
  prior.length = length;
  prior.network = std::make_unique<nn::Ncsnpp>(prior.config, backend);
  prior.network->params().initialise(1);
  nn::TrainingState state{nn::Optimizer(prior.network->params()), {}};
  std::vector<float> data(count * size);
  const Stream stream{.seed = 2, .purpose = Purpose::synthetic_history};
  for (std::size_t i = 0; i < data.size(); ++i) data[i] = float(stream.normal(i));
  nn::TrainingOptions options;
  options.batch = 4;
  options.epochs = 1;
  backend.set_precision(precision);
  nn::Trainer trainer(prior, state, data, options);
  Run run;
  for (int step = 0; step < 3; ++step) {
    const nn::Trainer::Step made = trainer.step();
    run.losses.push_back(made.loss);
    run.gradient_norms.push_back(made.gradient_norm);
  }
  backend.set_precision(Precision::fp32);
  run.weights = prior.network->params().flat().numbers();
  return run;
}

} // namespace

TEST_CASE("cuda: steps that repeat a graph train as the CPU does") {
  Backend* cuda = cuda_device_or_skip();
  if (!cuda) return;
  const Run here = train(cpu_backend()), there = train(*cuda);
  // As for one training step (network_cuda.cpp). Later ones follow steps of 1e-4 a weight whose
  // directions depend on the signs of gradients, rounded or not: a thousandth of the loss.
  CHECK(std::abs(there.losses[0] / here.losses[0] - 1) <= 6e-5);
  CHECK(std::abs(there.gradient_norms[0] / here.gradient_norms[0] - 1) <= 6e-5);
  CHECK(max_relative_error(there.losses, here.losses) <= 1e-3);
}

TEST_CASE("cuda: training gives the same bits twice, in every precision") {
  Backend* cuda = cuda_device_or_skip();
  if (!cuda) return;
  for (Precision precision : {Precision::fp32, Precision::tf32, Precision::bf16}) {
    const Run first = train(*cuda, precision), second = train(*cuda, precision);
    CHECK(first.losses == second.losses);
    CHECK(first.weights == second.weights);
  }
}
