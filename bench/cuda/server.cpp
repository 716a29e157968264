// lookback's side of compare_pytorch_cuda.py: the paper's network on a device, timed as asked for,
// one line each on stdin, answered by one line on stdout. Times are milliseconds of one repetition,
// between two waits for the device.
//   weights FILE                 writes them: lines "name extents...", each followed by its float32
//   evaluate BATCH FROM TO       t[B], x[B, 64, 2] -> network(t, x), raw float32
//   precision fp32|tf32|bf16
//   forward BATCH REPEATS | train BATCH REPEATS | sample BATCH STEPS
//   evaluations BATCH COUNT      of the network, kernel by kernel, without a graph
//   conv|conv_input|conv_weight TAPS CI CO LENGTH BATCH REPEATS
//   norm|norm_backward CHANNELS LENGTH BATCH REPEATS
// Usage: bench_cuda_server [cuda|cpu]
#include "nn/sampler.hpp"
#include "nn/trainer.hpp"

#include <chrono>
#include <fstream>
#include <iostream>
#include <sstream>

using namespace lookback;

namespace {

constexpr std::int64_t length = 64, channels = 2;

struct Server {
  Backend& backend;
  nn::Prior prior;
  std::optional<nn::TrainingState> state;

  explicit Server(Backend& device) : backend(device) {
    prior.config = {.channels = channels, .nf = 64, .ch_mult = {1, 2, 2, 4}};
    prior.config.init_scale = 1; // 1e-2 would hide the last layers
    prior.length = length;
    prior.network = std::make_unique<nn::Ncsnpp>(prior.config, backend);
    prior.network->params().initialise(1);
  }

  Tensor noise(Shape shape, std::uint32_t object) const {
    const Tensor x(shape, DType::f32, backend);
    backend.normal({.seed = 1, .purpose = Purpose::training_noise, .object = object}, x);
    return x;
  }

  void wait() const { Tensor({1}, DType::f32, backend).numbers(); }

  template <class F> double milliseconds(std::int64_t repeats, F&& f) const {
    wait();
    const auto start = std::chrono::steady_clock::now();
    for (std::int64_t i = 0; i < repeats; ++i) f();
    wait();
    const std::chrono::duration<double, std::milli> time = std::chrono::steady_clock::now() - start;
    return time.count() / double(repeats);
  }

  // Of operations that the device may repeat without the host.
  double repeated(std::int64_t repeats, const std::function<void()>& operations) const {
    const auto again = backend.repeatable(operations);
    again();
    return milliseconds(repeats, again);
  }

  void write_weights(const std::string& file) const {
    std::ofstream out(file, std::ios::binary);
    const nn::Params& params = prior.network->params();
    for (const auto& entry : params.entries()) {
      out << entry.name;
      for (std::int64_t extent : entry.extents) out << ' ' << extent;
      const std::vector<float> values = params.outside(entry, params.flat());
      out << '\n';
      out.write(reinterpret_cast<const char*>(values.data()), std::streamsize(4 * values.size()));
    }
  }

  void evaluate(std::int64_t batch, const std::string& from, const std::string& to) const {
    std::vector<float> t(std::size_t(batch), 0), x(std::size_t(batch * length * channels), 0);
    std::ifstream in(from, std::ios::binary);
    in.read(reinterpret_cast<char*>(t.data()), std::streamsize(4 * t.size()));
    in.read(reinterpret_cast<char*>(x.data()), std::streamsize(4 * x.size()));
    require(in.good(), from, ": too short for a batch of ", batch);
    const auto y = (*prior.network)(Tensor::from<float>({batch}, t, backend),
                                    Tensor::from<float>({batch, length, channels}, x, backend))
                       .values<float>();
    std::ofstream(to, std::ios::binary)
        .write(reinterpret_cast<const char*>(y.data()), std::streamsize(4 * y.size()));
  }

  double forward(std::int64_t batch, std::int64_t repeats) const {
    const Tensor x = noise({batch, length, channels}, 1), t({batch}, DType::f32, backend);
    backend.uniform({.seed = 1, .purpose = Purpose::training_time}, t);
    return repeated(repeats, [&] { (*prior.network)(t, x); });
  }

  double evaluations(std::int64_t batch, std::int64_t count) const {
    const Tensor x = noise({batch, length, channels}, 1), t({batch}, DType::f32, backend);
    backend.uniform({.seed = 1, .purpose = Purpose::training_time}, t);
    return milliseconds(count, [&] { (*prior.network)(t, x); });
  }

  double train(std::int64_t batch, std::int64_t repeats) {
    if (!state) state.emplace(nn::TrainingState{nn::Optimizer(prior.network->params()), {}});
    nn::TrainingOptions options;
    options.batch = batch;
    nn::Trainer trainer(prior, *state, noise({batch, length, channels}, 1).values<float>(),
                        options);
    for (int i = 0; i < 3; ++i) trainer.step();
    return milliseconds(repeats, [&] { trainer.step(); });
  }

  double sample(std::int64_t batch, int steps) const {
    const Tensor x = noise({batch, length, channels}, 1);
    const auto run = [&](int n) {
      nn::sample_prior(*prior.network, prior.sde, x, n,
                       {.seed = 1, .purpose = Purpose::sampler_step});
    };
    run(1); // loads the kernels
    return milliseconds(1, [&] { run(steps); });
  }

  double conv(const std::string& what, std::istream& words) const {
    std::int64_t taps, ci, co, l, batch, repeats;
    words >> taps >> ci >> co >> l >> batch >> repeats;
    const Tensor x = noise({batch, l, ci}, 1), w = noise({taps, ci, co}, 2),
                 y = noise({batch, l, co}, 3);
    return repeated(repeats, [&] {
      if (what == "conv") backend.conv1d(x, w, {}, y);
      if (what == "conv_input") backend.conv1d_backward_input(1, w, y, {x, false});
      if (what == "conv_weight") backend.conv1d_backward_weight(1, x, y, {w, false});
    });
  }

  double norm(const std::string& what, std::istream& words) const {
    std::int64_t c, l, batch, repeats;
    words >> c >> l >> batch >> repeats;
    const Tensor x = noise({batch, l, c}, 1), dy = noise({batch, l, c}, 2), y = empty_like(x),
                 gamma = noise({c}, 3), beta = noise({c}, 4), dgamma = empty_like(gamma),
                 dbeta = empty_like(beta),
                 statistics({batch, std::min<std::int64_t>(32, c / 4), 2}, DType::f32, backend);
    backend.group_norm(x, gamma, beta, 1e-6, Activation::silu, y, statistics);
    return repeated(repeats, [&] {
      if (what == "norm")
        backend.group_norm(x, gamma, beta, 1e-6, Activation::silu, y, statistics);
      else
        backend.group_norm_backward(x, gamma, beta, statistics, Activation::silu, dy, {y, false},
                                    {dgamma, false}, {dbeta, false});
    });
  }

  std::string answer(const std::string& line) {
    std::istringstream words(line);
    std::string what, from, to;
    std::int64_t batch = 0, count = 0;
    words >> what;
    if (what.starts_with("conv")) return std::to_string(conv(what, words));
    if (what.starts_with("norm")) return std::to_string(norm(what, words));
    if (what == "precision" && words >> from) {
      backend.set_precision(precision_named(from));
      return from;
    }
    if (what == "weights" && words >> to) {
      write_weights(to);
      return to;
    }
    if (what == "evaluate" && words >> batch >> from >> to) {
      evaluate(batch, from, to);
      return to;
    }
    words >> batch >> count;
    if (what == "forward") return std::to_string(forward(batch, count));
    if (what == "evaluations") return std::to_string(evaluations(batch, count));
    if (what == "train") return std::to_string(train(batch, count));
    if (what == "sample") return std::to_string(sample(batch, int(count)));
    fail("bench_cuda_server: what is '", line, "'?");
  }
};

} // namespace

int main(int argc, char** argv) try {
  Server server(backend_for(argc > 1 ? argv[1] : "cuda"));
  std::cout << "ready" << std::endl;
  for (std::string line; std::getline(std::cin, line);)
    std::cout << server.answer(line) << std::endl;
} catch (const Error& error) {
  std::cerr << error.what() << "\n";
  return 2;
}
