// lookback's side of compare_pytorch.py: loads a prior and times what is asked for, one line each
// on stdin, answering with one line of milliseconds:
//   forward BATCH LENGTH REPEATS | train BATCH LENGTH REPEATS | sample BATCH LENGTH STEPS
//   precision fp32|bf16
// Usage: bench_network_server PRIOR [THREADS]
#include "engine/parallel.hpp"
#include "nn/prior.hpp"
#include "nn/sampler.hpp"

#include <chrono>
#include <iostream>
#include <sstream>

using namespace lookback;

namespace {

template <class F> double milliseconds(F&& f) {
  const auto start = std::chrono::steady_clock::now();
  f();
  return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start)
      .count();
}

struct Inputs {
  Tensor t, x, z;
  Inputs(std::int64_t batch, std::int64_t length, std::int64_t channels)
      : t({batch}, DType::f32, cpu_backend()),
        x({batch, length, channels}, DType::f32, cpu_backend()), z(empty_like(x)) {
    cpu_backend().uniform({.seed = 1, .purpose = Purpose::training_time}, t);
    cpu_backend().normal({.seed = 1, .purpose = Purpose::sampler_start}, x);
    cpu_backend().normal({.seed = 1, .purpose = Purpose::training_noise}, z);
  }
};

void training_step(const nn::Prior& prior, nn::Optimizer& optimizer, const Inputs& in) {
  nn::Params& params = prior.network->params();
  optimizer.clear_gradient();
  {
    Tape tape;
    const nn::Recording recording(params, tape, optimizer.gradient);
    tape.backward(mean(nn::denoising_losses(*prior.network, prior.sde, in.x, in.t, in.z)));
  }
  optimizer.update(params, {});
}

void sample(const nn::Prior& prior, const Inputs& in, int steps) {
  const nn::Score score = nn::prior_score(*prior.network, prior.sde);
  nn::euler_maruyama(score, prior.sde, in.x, steps, [&](int step) {
    const Tensor z = empty_like(in.x);
    cpu_backend().normal({.seed = 1, .purpose = Purpose::sampler_step, .step = std::uint32_t(step)},
                         z);
    return z;
  });
}

} // namespace

int main(int argc, char** argv) try {
  require(argc >= 2, "usage: bench_network_server PRIOR [THREADS]");
  set_threads(argc > 2 ? std::stoi(argv[2]) : 0);
  const nn::Prior prior = nn::read_prior(argv[1], cpu_backend());
  std::optional<nn::Optimizer> optimizer;
  std::cout << cpu_instruction_set() << " " << threads() << std::endl;
  for (std::string line; std::getline(std::cin, line);) {
    std::istringstream words(line);
    std::string what, kind;
    std::int64_t batch = 0, length = 0;
    int count = 0;
    words >> what;
    if (what == "precision") {
      words >> kind;
      cpu_backend().set_precision(kind == "bf16" ? Precision::bf16 : Precision::fp32);
      std::cout << kind << std::endl;
      continue;
    }
    words >> batch >> length >> count;
    const Inputs in(batch, length, prior.config.channels);
    if (what == "train" && !optimizer) optimizer.emplace(prior.network->params());
    for (int i = 0; i < (what == "sample" ? 1 : count); ++i)
      std::cout << milliseconds([&] {
        if (what == "forward")
          (*prior.network)(in.t, in.x);
        else if (what == "train")
          training_step(prior, *optimizer, in);
        else
          sample(prior, in, count);
      }) << " ";
    std::cout << std::endl;
  }
} catch (const Error& error) {
  std::cerr << error.what() << "\n";
  return 2;
}
