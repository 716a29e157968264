#include "network_golden.hpp"

#include "engine/parallel.hpp"

#include <doctest/doctest.h>

#include <set>

using namespace lookback;
using namespace lookback::test;

static const char* const networks[] = {"ncsnpp_tiny", "ncsnpp_small", "ncsnpp_paper"};

TEST_CASE("the network's output, score and their gradients with respect to x are score_models'") {
  for (const char* name : networks) {
    const auto path = golden(std::string("score_models/") + name + ".h5");
    if (path.empty()) return;
    const H5Reader file(path);
    const nn::VeSde sde;
    for (DType type : {DType::f32, DType::f64}) {
      const auto network = golden_network(file, type);
      for (const std::string& group : file.list("/")) {
        if (!group.starts_with("forward")) continue;
        CAPTURE(name);
        CAPTURE(group);
        Tape tape;
        const Tensor t = read_vector(file, group + "/t", type),
                     x = tape.variable(read_bcl(file, group + "/x", type));
        const Tensor out = (*network)(t, x);
        CHECK(max_relative_error(to_bcl(out), file.read<float>(group + "/model_out")) <
              golden_tolerance);
        CHECK(max_relative_error(to_bcl(nn::score(*network, sde, t, x)),
                                 file.read<float>(group + "/score")) < golden_tolerance);
        if (!file.has(group + "/v")) continue;
        tape.backward(out, read_bcl(file, group + "/v", type));
        CHECK(max_relative_error(to_bcl(tape.gradient(x)),
                                 file.read<float>(group + "/vjp_x_model")) < golden_tolerance);
        Tape second;
        const Tensor x2 = second.variable(read_bcl(file, group + "/x", type));
        second.backward(nn::score(*network, sde, t, x2), read_bcl(file, group + "/v", type));
        CHECK(max_relative_error(to_bcl(second.gradient(x2)),
                                 file.read<float>(group + "/vjp_x_score")) < golden_tolerance);
      }
    }
  }
}

// The gradient of the key bias is exactly zero; the reference holds rounding noise there.
static bool is_key_bias(const nn::Params::Entry& entry, std::size_t i) {
  const std::size_t C = std::size_t(entry.extents[0]) / 3;
  return entry.name.ends_with("to_qkv.bias") && i >= C && i < 2 * C;
}

TEST_CASE("the denoising loss and the gradient of every parameter are score_models'") {
  for (const char* name : networks) {
    const auto path = golden(std::string("score_models/") + name + ".h5");
    if (path.empty()) return;
    CAPTURE(name);
    const H5Reader file(path);
    const auto network = golden_network(file);
    nn::Optimizer optimizer(network->params());
    optimizer.clear_gradient();
    Tape tape;
    const nn::Recording recording(network->params(), tape, optimizer.gradient);
    const Tensor losses = nn::denoising_losses(*network, {}, read_bcl(file, "dsm/x0"),
                                               read_vector(file, "dsm/t"), read_bcl(file, "dsm/z"));
    const Tensor loss = mean(losses);
    CHECK(max_relative_error(host(losses), file.read<float>("dsm/loss_per_sample")) <
          golden_tolerance);
    CHECK(host(loss)[0] ==
          doctest::Approx(file.read<double>("dsm/loss_mean")[0]).epsilon(golden_tolerance));
    tape.backward(loss);

    const auto names = file.read_strings("dsm/all_grad_names");
    const auto l2 = file.read<double>("dsm/all_grad_l2");
    std::size_t compared = 0;
    for (const auto& entry : network->params().entries()) {
      const auto found = std::find(names.begin(), names.end(), entry.name);
      if (found == names.end()) continue; // the frozen Fourier frequencies
      CAPTURE(entry.name);
      std::vector<float> gradient = network->params().outside(entry, optimizer.gradient);
      double squares = 0;
      for (float g : gradient) squares += double(g) * g;
      const double expected = l2[std::size_t(found - names.begin())];
      CHECK(std::abs(std::sqrt(squares) - expected) < golden_tolerance * expected);
      ++compared;
      if (!file.has("dsm/grads/" + entry.name)) continue;
      std::vector<float> reference = file.read<float>("dsm/grads/" + entry.name);
      for (std::size_t i = 0; i < gradient.size(); ++i)
        if (is_key_bias(entry, i)) gradient[i] = reference[i] = 0;
      CHECK(max_relative_error(gradient, reference) < golden_tolerance);
    }
    CHECK(compared == names.size());
  }
}

TEST_CASE("every residual block of the golden cases agrees, forward and gradients") {
  const auto path = golden("score_models/ops.h5");
  if (path.empty()) return;
  const H5Reader file(path);
  for (const std::string& i : file.list("resblock")) {
    const std::string g = "resblock/" + i;
    CAPTURE(g);
    const std::string mode = file.text(g, "mode");
    nn::Params params(cpu_backend(), DType::f32);
    const nn::ResBlock block(
        {params, ""}, std::int64_t(file.number(g, "cin")), std::int64_t(file.number(g, "cout")),
        mode == "up"     ? nn::ResBlock::Mode::up
        : mode == "down" ? nn::ResBlock::Mode::down
                         : nn::ResBlock::Mode::same,
        {Activation::silu, {{1, 3, 3, 1}}, true, 1e-2, std::int64_t(file.number(g, "temb_dim"))});
    params.allocate();
    load_golden(file, g + "/params", params);
    Tensor gradient = empty_like(params.flat());
    gradient.backend().fill(gradient, 0);
    Tape tape;
    const nn::Recording recording(params, tape, gradient);
    const Extents e = file.extents(g + "/temb");
    const Tensor x = tape.variable(read_bcl(file, g + "/x"));
    const Tensor embedding = tape.variable(read_vector(file, g + "/temb").reshaped({e[0], e[1]}));
    const Tensor y = block(x, block.dense_0(activate(Activation::silu, embedding)));
    CHECK(max_relative_error(to_bcl(y), file.read<float>(g + "/out")) < golden_tolerance);
    tape.backward(y, read_bcl(file, g + "/cot"));
    CHECK(max_relative_error(to_bcl(tape.gradient(x)), file.read<float>(g + "/grad_x")) <
          golden_tolerance);
    CHECK(max_relative_error(host(tape.gradient(embedding)), file.read<float>(g + "/grad_temb")) <
          golden_tolerance);
    for (const auto& entry : params.entries())
      CHECK(max_relative_error(params.outside(entry, gradient),
                               file.read<float>(g + "/grad_params/" + entry.name)) <
            golden_tolerance);
  }
}

TEST_CASE("the paper's network has 7,645,352 parameters in 353 tensors") {
  nn::NcsnppConfig c;
  c.channels = 2;
  c.nf = 64;
  c.ch_mult = {1, 2, 2, 4};
  const nn::Ncsnpp network(c, cpu_backend());
  CHECK(network.params().size() == 7645352);
  CHECK(network.params().entries().size() == 353);
}

// Every option changes something, runs in both directions, and passes a gradient check in float64
// along a random direction of the parameters.
TEST_CASE("every supported option builds a differentiable network") {
  std::vector<nn::NcsnppConfig> cases;
  const auto add_case = [&](auto change) {
    nn::NcsnppConfig c;
    c.channels = 2;
    c.nf = 8;
    c.ch_mult = {1, 2};
    c.num_res_blocks = 1;
    c.init_scale = 1;
    change(c);
    cases.push_back(c);
  };
  add_case([](auto&) {});
  add_case([](auto& c) { c.fir = false; });
  add_case([](auto& c) { c.fir_kernel = {1, 2, 1}; });
  add_case([](auto& c) { c.attention = false; });
  add_case([](auto& c) { c.skip_rescale = false; });
  add_case([](auto& c) { c.progressive = "none"; });
  add_case([](auto& c) { c.progressive_input = "none"; });
  add_case([](auto& c) { c.combine_method = "cat"; });
  add_case([](auto& c) { c.activation_type = "relu"; });
  add_case([](auto& c) { c.activation_type = "elu"; });
  add_case([](auto& c) { c.activation_type = "tanh"; });
  add_case([](auto& c) { c.ch_mult = {1}; });
  add_case([](auto& c) { c.num_res_blocks = 2, c.channels = 3; });

  std::set<double> seen;
  for (const auto& c : cases) {
    nn::Ncsnpp network(c, cpu_backend(), DType::f64);
    network.params().initialise(7);
    const std::int64_t B = 2, L = 8, n = network.params().flat().size();
    Tensor x({B, L, c.channels}, DType::f64, cpu_backend()), t({B}, DType::f64, cpu_backend());
    cpu_backend().normal({.seed = 1, .purpose = Purpose::training_noise}, x);
    cpu_backend().uniform({.seed = 1, .purpose = Purpose::training_time}, t);
    Tensor direction({n}, DType::f64, cpu_backend()), gradient = empty_like(direction);
    cpu_backend().normal({.seed = 2, .purpose = Purpose::training_noise},
                         direction.reshaped({1, n}));
    const auto& frozen = network.params().entries().front(); // the Fourier frequencies
    cpu_backend().fill(direction.part(frozen.offset, frozen.shape), 0);
    cpu_backend().fill(gradient, 0);
    {
      Tape tape;
      const nn::Recording recording(network.params(), tape, gradient);
      tape.backward(mean(squared_norm(network(t, x))));
    }
    double slope = 0;
    const auto loss_at = [&](double h) {
      cpu_backend().scale(h, direction, {network.params().flat(), true});
      const double value = host(mean(squared_norm(network(t, x))))[0];
      cpu_backend().scale(-h, direction, {network.params().flat(), true});
      return value;
    };
    for (std::int64_t i = 0; i < n; ++i)
      slope += gradient.data<double>()[i] * direction.data<double>()[i];
    const double h = 1e-6, difference = (loss_at(h) - loss_at(-h)) / (2 * h);
    CHECK(slope == doctest::Approx(difference).epsilon(1e-6));
    seen.insert(loss_at(0));
  }
  CHECK(seen.size() == cases.size());
}

TEST_CASE("lengths, widths and options that cannot be are refused with one sentence") {
  nn::NcsnppConfig c;
  c.channels = 2;
  c.nf = 8;
  c.ch_mult = {1, 2};
  const nn::Ncsnpp network(c, cpu_backend());
  const Tensor t({1}, DType::f32, cpu_backend()), odd({1, 7, 2}, DType::f32, cpu_backend());
  CHECK_THROWS_WITH(network(t, odd),
                    "network: length 7 is not a multiple of 2, which ch_mult asks for");
  c.activation_type = "gelu";
  CHECK_THROWS_AS(nn::Ncsnpp(c, cpu_backend()), Error);
  c.activation_type = "swish";
  c.nf = 6;
  CHECK_THROWS_AS(nn::Ncsnpp(c, cpu_backend()), Error);
  c.nf = 8;
  c.progressive = "residual";
  CHECK_THROWS_AS(nn::Ncsnpp(c, cpu_backend()), Error);
}

TEST_CASE("the network gives the same bits with 1 and 2 threads and whatever the batch") {
  nn::NcsnppConfig c;
  c.channels = 2;
  c.nf = 16;
  c.ch_mult = {1, 2, 2, 4};
  nn::Ncsnpp network(c, cpu_backend());
  network.params().initialise(3);
  const std::int64_t B = 5, L = 64;
  Tensor x({B, L, 2}, DType::f32, cpu_backend()), t({B}, DType::f32, cpu_backend());
  cpu_backend().normal({.seed = 1, .purpose = Purpose::training_noise}, x);
  cpu_backend().uniform({.seed = 1, .purpose = Purpose::training_time}, t);
  const auto gradient_and_output = [&](int threads) {
    set_threads(threads);
    Tensor gradient = empty_like(network.params().flat());
    cpu_backend().fill(gradient, 0);
    Tape tape;
    const nn::Recording recording(network.params(), tape, gradient);
    const Tensor y = network(t, x);
    tape.backward(mean(squared_norm(y)));
    auto values = host(gradient);
    for (double v : host(y)) values.push_back(v);
    return values;
  };
  const auto one = gradient_and_output(1), two = gradient_and_output(2);
  set_threads(0);
  CHECK(one == two);
  const auto whole = host(network(t, x));
  const auto single = host(network(t.part(3, {1}), x.part(3 * L * 2, {1, L, 2})));
  CHECK(std::equal(single.begin(), single.end(), whole.begin() + 3 * L * 2));
}
