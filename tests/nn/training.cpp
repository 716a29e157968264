#include "network_golden.hpp"

#include <doctest/doctest.h>

using namespace lookback;
using namespace lookback::test;

// Adam's first steps are about rate x sign(gradient), so an element whose gradient is all rounding
// noise may differ by a few rates: spec-score-models.md allows the key bias and single elements.
TEST_CASE("the three 20-step training runs are score_models'") {
  const auto path = golden("score_models/training.h5"), net = golden("score_models/ncsnpp_tiny.h5");
  if (path.empty() || net.empty()) return;
  const H5Reader file(path);
  for (const std::string& run : file.list("/")) {
    CAPTURE(run);
    const auto network = std::make_unique<nn::Ncsnpp>(golden_config(H5Reader(net)), cpu_backend());
    nn::Params& params = network->params();
    load_golden(file, run + "/params_initial", params);
    nn::Optimizer optimizer(params);
    const nn::OptimizerOptions options{file.number(run, "learning_rate"),
                                       std::int64_t(file.number(run, "warmup")),
                                       file.number(run, "clip"), file.number(run, "ema_decay")};
    const auto loss = file.read<double>(run + "/loss"),
               norm = file.read<double>(run + "/grad_norm_before_clip");
    const auto rate = file.read<double>(run + "/lr"),
               decay = file.read<double>(run + "/ema_decay_used");
    const auto x_0 = file.read<float>(run + "/x0"), t = file.read<float>(run + "/t"),
               z = file.read<float>(run + "/z");
    const std::int64_t B = 8, C = 2, L = 64, n = B * C * L;
    for (std::int64_t step = 0; step < std::int64_t(loss.size()); ++step) {
      CAPTURE(step);
      const std::size_t s = std::size_t(step);
      CHECK(options.rate(step) == doctest::Approx(rate[s]).epsilon(1e-6));
      CHECK(options.decay(step) == doctest::Approx(decay[s]).epsilon(1e-6));
      optimizer.clear_gradient();
      {
        Tape tape;
        const nn::Recording recording(params, tape, optimizer.gradient);
        const Tensor value = mean(nn::denoising_losses(
            *network, {}, from_bcl(std::span(x_0).subspan(s * n, n), B, C, L),
            Tensor::from<float>({B}, std::span(t).subspan(s * B, B), cpu_backend()),
            from_bcl(std::span(z).subspan(s * n, n), B, C, L)));
        tape.backward(value);
        CHECK(host(value)[0] == doctest::Approx(loss[s]).epsilon(golden_tolerance));
      }
      CHECK(optimizer.update(params, options) ==
            doctest::Approx(norm[s]).epsilon(golden_tolerance));
    }
    int outliers = 0;
    const auto compare = [&](const std::string& group, const Tensor& flat) {
      for (const auto& entry : params.entries()) {
        const auto ours = params.outside(entry, flat),
                   theirs = file.read<float>(run + "/" + group + "/" + entry.name);
        double scale = 0;
        for (float v : theirs) scale = std::max(scale, double(std::abs(v)));
        const std::size_t keys = std::size_t(entry.extents[0]) / 3;
        for (std::size_t i = 0; i < ours.size(); ++i) {
          const bool key_bias = entry.name.ends_with("to_qkv.bias") && i >= keys && i < 2 * keys;
          const double error = std::abs(double(ours[i]) - theirs[i]);
          if (key_bias || error <= golden_tolerance * scale) continue;
          ++outliers;
          CHECK_MESSAGE(error <= 4 * options.learning_rate, entry.name, " element ", i,
                        " differs by ", error);
        }
      }
    };
    compare("params_final", params.flat());
    compare("ema_final", optimizer.average);
    MESSAGE(run, ": ", outliers, " elements of ", 2 * params.size(),
            " differ by more than the bound");
    CHECK(outliers <= 4);
  }
}

TEST_CASE("warm-up and decay follow score_models' rules") {
  const nn::OptimizerOptions options{1e-3, 5, 0, 0.9999};
  CHECK(options.rate(0) == 0);
  CHECK(options.rate(4) == doctest::Approx(8e-4));
  CHECK(options.rate(1000) == doctest::Approx(8e-4));
  CHECK(options.decay(0) == doctest::Approx(2.0 / 11));
  CHECK(options.decay(10000000) == 0.9999);
}
