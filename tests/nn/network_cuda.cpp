// The network on the CUDA backend against the CPU: loss, gradients, a step of the optimiser, noise.
#include "nn/optimizer.hpp"
#include "nn/sampler.hpp"
#include "tests/cuda_device.hpp"
#include "tests/op_properties.hpp"

using namespace lookback;
using namespace lookback::test;

namespace {

nn::NcsnppConfig small_network() {
  nn::NcsnppConfig c;
  c.channels = 2;
  c.nf = 8;
  c.ch_mult = {1, 2};
  c.num_res_blocks = 1;
  return c;
}

struct Step {
  std::vector<double> losses, gradient, weights, average;
};

// One training step on `backend`, from weights, data and noise that are the same everywhere.
Step training_step(Backend& backend, DType type) {
  nn::Ncsnpp network(small_network(), backend, type);
  network.params().initialise(5);
  nn::Optimizer optimizer(network.params());
  optimizer.clear_gradient();

  const Shape shape{3, 16, 2};
  const Tensor x = random_tensor(shape, 1, type, backend);
  Tensor t({3}, type, backend), z(shape, type, backend);
  backend.uniform({1, Purpose::training_time}, t);
  backend.normal({1, Purpose::training_noise}, z);
  Step step;
  {
    Tape tape;
    const nn::Recording recording(network.params(), tape, optimizer.gradient);
    const Tensor losses = nn::denoising_losses(network, {}, x, t, z);
    tape.backward(mean(losses));
    step.losses = to_doubles(losses);
  }
  step.gradient = to_doubles(optimizer.gradient);
  optimizer.update(network.params(), {});
  step.weights = to_doubles(network.params().flat());
  step.average = to_doubles(optimizer.average);
  return step;
}

// sample_prior beside euler_maruyama, 20 steps of which the last is lost to rounding.
void check_sample_prior(Backend& backend, bool preconditioned) {
  nn::NcsnppConfig config = small_network();
  config.preconditioned = preconditioned;
  nn::Ncsnpp network(config, backend);
  network.params().initialise(5);
  const Tensor x = random_tensor({3, 16, 2}, 1, DType::f32, backend);
  Stream key{.seed = 3, .purpose = Purpose::sampler_step, .draw = 7};
  std::vector<std::vector<double>> expected, got;
  const nn::Observer keep = [&](int, const Tensor& x) { expected.push_back(to_doubles(x)); };
  const Tensor last = nn::euler_maruyama(
      nn::prior_score(network, {}), {}, x, 20,
      [&](int step) {
        const Tensor z = empty_like(x);
        Stream stream = key;
        stream.step = std::uint32_t(step);
        backend.normal(stream, z);
        return z;
      },
      keep);
  const Tensor mean = nn::sample_prior(network, {}, x, 20, key, [&](int done, const Tensor& x) {
    CHECK(done == int(got.size()) + 1);
    got.push_back(to_doubles(x));
    poison_pool(backend);
  });
  CHECK(got.size() == 19);
  CHECK(got == expected);
  CHECK(to_doubles(mean) == to_doubles(last));
}

} // namespace

TEST_CASE("cuda: a training step of the network agrees with the CPU's") {
  Backend* cuda = cuda_device_or_skip();
  if (!cuda) return;
  for (DType type : {DType::f32, DType::f64}) {
    CAPTURE(size_of(type));
    const Step here = training_step(cpu_backend(), type), there = training_step(*cuda, type);
    // Ten times the floor that score_models' own float32 networks have against float64; a hundred
    // thousand roundings in float64.
    const double bound = type == DType::f32 ? 6e-5 : 1e5 * 0x1p-53;
    CHECK(max_relative_error(there.losses, here.losses) <= bound);
    CHECK(max_relative_error(there.gradient, here.gradient) <= bound);
    if (type == DType::f32) continue; // Adam's first step is the sign of gradients, rounded or not
    CHECK(max_relative_error(there.weights, here.weights) <= 1e-7);
    CHECK(max_relative_error(there.average, here.average) <= 1e-7);
  }
}

TEST_CASE("cuda: a second training step of the same shapes gives the same bits") {
  Backend* cuda = cuda_device_or_skip();
  if (!cuda) return;
  const Step first = training_step(*cuda, DType::f32), second = training_step(*cuda, DType::f32);
  CHECK(first.losses == second.losses);
  CHECK(first.gradient == second.gradient);
  CHECK(first.weights == second.weights);
}

TEST_CASE("cuda: the sampler's score, started as one graph, has the bits of separate kernels") {
  Backend* cuda = cuda_device_or_skip();
  if (!cuda) return;
  for (bool preconditioned : {false, true}) {
    nn::NcsnppConfig config = small_network();
    config.preconditioned = preconditioned;
    nn::Ncsnpp network(config, *cuda);
    network.params().initialise(5);
    const nn::Score score = nn::prior_score(network, {});
    for (std::int64_t batch : {2, 2, 3, 2})
      for (double time : {1.0, 0.4}) {
        const Tensor x = random_tensor({batch, 16, 2}, std::uint32_t(10 * time), DType::f32, *cuda);
        const Tensor t({batch}, DType::f32, *cuda);
        cuda->fill(t, time);
        const auto expected = to_doubles(nn::score(network, {}, t, x));
        CHECK(to_doubles(score(x, time)) == expected);
        poison_pool(*cuda); // the graph's memory is its own
        CHECK(to_doubles(score(x, time)) == expected);
      }
  }
}

TEST_CASE(
    "cuda: a sampler whose steps are graphs has the bits of one whose kernels are started one by "
    "one") {
  Backend* cuda = cuda_device_or_skip();
  if (!cuda) return;
  for (bool preconditioned : {false, true}) check_sample_prior(*cuda, preconditioned);
}

TEST_CASE("drawing from the prior has the bits of the sampler under the prior's score") {
  for (bool preconditioned : {false, true}) check_sample_prior(cpu_backend(), preconditioned);
}

TEST_CASE("cuda: an error among operations to repeat leaves the device as it was") {
  Backend* cuda = cuda_device_or_skip();
  if (!cuda) return;
  int runs = 0;
  CHECK_THROWS_AS(cuda->repeatable([&] {
    if (++runs == 2) fail("the second run, which is noted down, fails");
  }),
                  Error);
  const Tensor x({4}, DType::f32, *cuda);
  cuda->fill(x, 3);
  CHECK(to_doubles(x) == std::vector<double>(4, 3));
}

TEST_CASE("every op that the network records has a case in the list of op cases") {
  nn::Ncsnpp network(small_network(), cpu_backend());
  network.params().initialise(5);
  const Tensor gradient = empty_like(network.params().flat());
  Tape tape;
  const nn::Recording recording(network.params(), tape, gradient);
  const Tensor x = random_tensor({1, 16, 2}, 1, DType::f32, cpu_backend());
  const Tensor t = random_tensor({1}, 2, DType::f32, cpu_backend());
  mean(nn::denoising_losses(network, {}, x, t, x));
  const std::set<std::string> covered = ops_with_a_case(cpu_backend());
  for (std::size_t i = 0; i < tape.size(); ++i) CHECK(covered.contains(tape.name(i)));
}
