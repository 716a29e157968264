#include "nn/trainer.hpp"
#include "network_golden.hpp"
#include "nn/validation.hpp"
#include "tests/ranks.hpp"
#include "tests/tools/files_helpers.hpp"

#include <cmath>
#include <doctest/doctest.h>

using namespace lookback;
using namespace lookback::test;

namespace {

constexpr std::int64_t length = 8, size = 2 * length;

nn::Prior small_prior() {
  nn::Prior prior;
  prior.config.channels = 2;
  prior.config.nf = 8;
  prior.config.ch_mult = {1, 2};
  prior.config.num_res_blocks = 1;
  prior.length = length;
  prior.normalization = {std::vector<double>(size, 0.0), std::vector<double>(size, 1.0)};
  for (int i = 0; i <= length; ++i) prior.bin_edges_gyr.push_back(i);
  prior.network = std::make_unique<nn::Ncsnpp>(prior.config, cpu_backend());
  prior.network->params().initialise(1);
  return prior;
}

std::vector<float> normal_data(std::int64_t count) {
  std::vector<float> data(std::size_t(count * size));
  const Stream stream{.seed = 2, .purpose = Purpose::synthetic_history};
  for (std::size_t i = 0; i < data.size(); ++i) data[i] = float(stream.normal(i));
  return data;
}

nn::TrainingOptions options(double learning_rate) {
  nn::TrainingOptions result;
  result.optimizer.learning_rate = learning_rate;
  result.batch = 4;
  result.epochs = 10;
  return result;
}

} // namespace

TEST_CASE("training goes on bit for bit from a file written in the middle of an epoch") {
  const Folder folder;
  const auto file = folder / "prior.h5";
  nn::Prior prior = small_prior();
  nn::TrainingState state{nn::Optimizer(prior.network->params()), {}};
  nn::Trainer trainer(prior, state, normal_data(21), options(1e-3)); // 5 steps an epoch
  for (int step = 0; step < 8; ++step) trainer.step();
  nn::write_prior(file, prior, &state, "{}", true);
  for (int step = 8; step < 12; ++step) trainer.step();

  nn::Prior again = nn::read_prior(file, cpu_backend());
  auto resumed = nn::read_training(file, again);
  REQUIRE(resumed);
  CHECK(resumed->optimizer.step == 8);
  nn::Trainer rest(again, *resumed, normal_data(21), options(1e-3));
  for (int step = 8; step < 12; ++step) rest.step();
  CHECK(host(again.network->params().flat()) == host(prior.network->params().flat()));
  CHECK(host(resumed->optimizer.average) == host(state.optimizer.average));
  REQUIRE(state.losses.size() == 2);
  CHECK(resumed->losses == state.losses);
}

// The loss is a sum over samples in float32, and Adam's first steps turn the rounding of a gradient
// near 0 into a step of any size below the rate; 1e-5 of the loss is what the trainer promises.
TEST_CASE("several ranks train as one does, to rounding, and hold the same bits as each other") {
  struct Result {
    std::vector<double> losses, weights;
  };
  const auto train = [](const std::string& times, int count) {
    std::vector<Result> results(static_cast<std::size_t>(count));
    on_ranks(count, [&](Communicator& ranks) {
      Result& result = results[std::size_t(ranks.rank())];
      nn::Prior prior = small_prior();
      nn::TrainingState state{nn::Optimizer(prior.network->params()), {}};
      nn::TrainingOptions o = options(1e-3);
      o.loss.times = times;
      nn::Trainer trainer(prior, state, normal_data(21), o, ranks);
      for (int step = 0; step < 12; ++step) result.losses.push_back(trainer.step().loss);
      result.weights = host(prior.network->params().flat());
    });
    for (const Result& result : results) {
      CHECK(result.losses == results[0].losses);
      CHECK(result.weights == results[0].weights);
    }
    return results[0];
  };
  for (const char* times : {"uniform", "stratified"}) {
    const Result one = train(times, 1);
    for (int count : {2, 4}) {
      const Result many = train(times, count);
      for (std::size_t step = 0; step < one.losses.size(); ++step)
        CHECK(std::abs(many.losses[step] - one.losses[step]) < 1e-5 * one.losses[step]);
    }
  }
}

TEST_CASE("a batch that the ranks cannot share equally is refused") {
  on_ranks(3, [](Communicator& ranks) {
    nn::Prior prior = small_prior();
    nn::TrainingState state{nn::Optimizer(prior.network->params()), {}};
    CHECK(
        contains(message([&] { nn::Trainer(prior, state, normal_data(21), options(1e-3), ranks); }),
                 "batch 4 cannot be shared equally by 3 ranks; give a multiple of 3"));
  });
}

TEST_CASE("training stops at a loss that is not finite and names the step") {
  nn::Prior prior = small_prior();
  nn::TrainingState state{nn::Optimizer(prior.network->params()), {}};
  nn::Trainer trainer(prior, state, normal_data(8), options(1e-3));
  trainer.step();
  cpu_backend().fill(prior.network->params().flat(), NAN);
  const std::string what = message([&] { trainer.step(); });
  CHECK(contains(what, "step 2"));
  CHECK(contains(what, "--learning-rate"));
}

// Network 0: the loss is |z|^2, whose mean over N values is 1 with deviation sqrt(2/N).
TEST_CASE("the validation loss of a network that gives 0 is 1 at every noise level") {
  nn::Prior prior = small_prior();
  nn::TrainingState state{nn::Optimizer(prior.network->params()), {}};
  const auto raw = host(prior.network->params().flat());
  cpu_backend().fill(state.optimizer.average, 0);
  const auto data = normal_data(200);
  const auto losses = nn::validation_losses(prior, state, data, 3);
  REQUIRE(losses.size() == nn::validation_levels);
  for (double loss : losses) CHECK(std::abs(loss - 1) < 4.5 * std::sqrt(2.0 / double(data.size())));
  CHECK(losses[0] != losses[1]);
  CHECK(nn::validation_losses(prior, state, data, 3) == losses);
  CHECK(host(prior.network->params().flat()) == raw);
}

// What is best for x_0 ~ N(0, 1) is r = -sigma x_t/(1 + sigma^2), of loss 1/(1 + sigma^2).
TEST_CASE("no validation loss of white histories is below the best possible after training") {
  nn::Prior prior = small_prior();
  nn::TrainingState state{nn::Optimizer(prior.network->params()), {}};
  nn::TrainingOptions o = options(3e-3);
  o.batch = 64;
  nn::Trainer trainer(prior, state, normal_data(512), o);
  const auto held_out = normal_data(700);
  const auto data = std::span(held_out).subspan(512 * size);
  for (int step = 0; step < 60; ++step) trainer.step();
  const auto losses = nn::validation_losses(prior, state, data, 3);
  const double noise = std::sqrt(2.0 / double(data.size()));
  for (int level = 0; level < nn::validation_levels; ++level) {
    const double sigma = prior.sde.sigma(nn::validation_time(prior.sde, level)),
                 best = 1 / (1 + sigma * sigma);
    CAPTURE(sigma);
    CHECK(losses[std::size_t(level)] > best * (1 - 4.5 * noise));
  }
  CHECK(losses.back() < 0.9); // sigma = 8.7: nearly all of x_t is noise, easily seen
}
