// Every unit case that score_models 0.5.11 wrote into ops.h5: results and all gradients. PyTorch
// keeps signals as [B, C, L] and weights as [out, in, k]; ours are [B, L, C] and [K, Ci, Co].
#include "engine/hdf5.hpp"
#include "tests/evaluate.hpp"
#include "tests/golden.hpp"

#include <doctest/doctest.h>

#include <utility>

using namespace lookback;
using namespace lookback::test;

namespace {

constexpr double most_error = 5e-5; // of the tensor's largest value; the reference rounds at 6e-6

enum class Layout { plain, signal, weight, matrix };

Shape shape_of(const Extents& e) {
  return e.size() == 1 ? Shape{e[0]} : e.size() == 2 ? Shape{e[0], e[1]} : Shape{e[0], e[1], e[2]};
}

// One case of the file: its tensors in our layout, the leaves that gradients are compared for.
class GoldenCase {
public:
  GoldenCase(const H5Reader& file, std::string path, DType type)
      : file_(file), path_(std::move(path)), type_(type) {}

  Tensor leaf(const std::string& name, Layout layout) {
    leaves_.push_back({name, layout, tape_.variable(constant(name, layout))});
    return leaves_.back().tensor;
  }
  Tensor constant(const std::string& name, Layout layout) const {
    auto [values, shape] = read(name, layout);
    return from_doubles(shape, values, type_, cpu_backend());
  }
  Tensor convolved(const std::string& layer, const Tensor& x) {
    ConvEpilogue epilogue;
    epilogue.bias = leaf("params/" + layer + "bias", Layout::plain);
    return conv1d(x, leaf("params/" + layer + "weight", Layout::weight), epilogue);
  }
  Tensor dense(const std::string& layer, const Tensor& x) {
    const Tensor w = leaf("params/" + layer + "weight", Layout::matrix);
    return linear(x, w, leaf("params/" + layer + "bias", Layout::plain));
  }
  double number(const std::string& name) const { return file_.number(path_, name); }
  std::vector<double> numbers(const std::string& name) const { return file_.numbers(path_, name); }
  std::string text(const std::string& name) const { return file_.text(path_, name); }

  void check(const Tensor& y, Layout layout) {
    compare("out", layout, y);
    tape_.backward(y, constant("cot", layout));
    for (const Leaf& leaf : leaves_)
      compare("grad_" + leaf.name, leaf.layout, tape_.gradient(leaf.tensor));
  }

private:
  struct Leaf {
    std::string name;
    Layout layout;
    Tensor tensor;
  };

  // [i, j, k] -> [i, k, j] for signals, [k, j, i] for weights, [1, j, i] for matrices.
  std::pair<std::vector<double>, Shape> read(const std::string& name, Layout layout) const {
    const std::string dataset = path_ + "/" + name;
    const auto values = file_.read<double>(dataset);
    Extents e = file_.extents(dataset);
    if (layout == Layout::plain) return {values, shape_of(e)};
    if (layout == Layout::matrix) e.push_back(1);
    const bool signal = layout == Layout::signal;
    const Shape shape = signal ? Shape{e[0], e[2], e[1]} : Shape{e[2], e[1], e[0]};
    std::vector<double> ours(values.size());
    for (std::int64_t i = 0; i < e[0]; ++i)
      for (std::int64_t j = 0; j < e[1]; ++j)
        for (std::int64_t k = 0; k < e[2]; ++k) {
          const std::int64_t to = signal ? (i * e[2] + k) * e[1] + j : (k * e[1] + j) * e[0] + i;
          ours[std::size_t(to)] = values[std::size_t((i * e[1] + j) * e[2] + k)];
        }
    return {ours, shape};
  }

  void compare(const std::string& name, Layout layout, const Tensor& ours) const {
    CAPTURE(name);
    const auto [expected, shape] = read(name, layout);
    CHECK(ours.shape() == shape);
    CHECK(max_relative_error(to_doubles(ours), expected) <= most_error);
  }

  const H5Reader& file_;
  std::string path_;
  DType type_;
  Tape tape_;
  std::vector<Leaf> leaves_;
};

// Runs `compute` on every case of one op, in both precisions.
template <class F> void for_golden_cases(const std::string& op, F&& compute) {
  const auto path = golden("score_models/ops.h5");
  if (path.empty()) return;
  const H5Reader file(path);
  const std::vector<std::string> numbers = file.list(op);
  CHECK(!numbers.empty());
  for (const std::string& number : numbers)
    for (DType type : {DType::f32, DType::f64}) {
      const std::string name = op + "/" + number;
      CAPTURE(name);
      CAPTURE(size_of(type));
      GoldenCase c(file, name, type);
      compute(c);
    }
}

// upfirdn filters by convolution: the taps stand in reverse.
Resampling reversed_taps(const std::vector<double>& kernel, int up, int down, int offset) {
  return {{kernel.rbegin(), kernel.rend()}, up, down, offset};
}

Tensor group_norm_of(GoldenCase& c, Activation kind) {
  const Tensor x = c.leaf("x", Layout::signal);
  const Tensor scale = c.leaf("params/weight", Layout::plain);
  const Tensor shift = c.leaf("params/bias", Layout::plain);
  return group_norm(x, scale, shift, int(c.number("num_groups")), c.number("eps"), kind);
}

void check_resampling(GoldenCase& c, const Resampling& filter) {
  const Tensor x = c.leaf("x", Layout::signal);
  const std::int64_t length = c.constant("out", Layout::signal).shape()[1];
  c.check(resample(filter, x, length), Layout::signal);
}

} // namespace

TEST_CASE("convolutions agree with score_models") {
  for (const char* op : {"conv3", "conv1"})
    for_golden_cases(op, [](GoldenCase& c) {
      c.check(c.convolved("conv.", c.leaf("x", Layout::signal)), Layout::signal);
    });
}

TEST_CASE("dense layers agree with score_models") {
  for_golden_cases("linear", [](GoldenCase& c) {
    c.check(c.dense("", c.leaf("x", Layout::plain)), Layout::plain);
  });
}

TEST_CASE("group norm agrees with score_models, with and without SiLU") {
  for_golden_cases("groupnorm", [](GoldenCase& c) {
    c.check(group_norm_of(c, Activation::none), Layout::signal);
  });
  for_golden_cases("groupnorm_swish", [](GoldenCase& c) {
    c.check(group_norm_of(c, Activation::silu), Layout::signal);
  });
}

TEST_CASE("SiLU agrees with score_models") {
  for_golden_cases("swish", [](GoldenCase& c) {
    c.check(activate(Activation::silu, c.leaf("x", Layout::plain)), Layout::plain);
  });
}

TEST_CASE("FIR resampling agrees with score_models") {
  for_golden_cases("fir_up", [](GoldenCase& c) { check_resampling(c, fir_up()); });
  for_golden_cases("fir_down", [](GoldenCase& c) { check_resampling(c, fir_down()); });
  for_golden_cases("naive_up", [](GoldenCase& c) { check_resampling(c, {{1, 1}, 2, 1, 1}); });
  for_golden_cases("naive_down", [](GoldenCase& c) { check_resampling(c, {{0.5, 0.5}, 1, 2, 0}); });
  for_golden_cases("upfirdn1d", [](GoldenCase& c) {
    check_resampling(c, reversed_taps(c.numbers("kernel"), int(c.number("up")),
                                      int(c.number("down")), int(c.numbers("pad")[0])));
  });
}

TEST_CASE("an attention block agrees with score_models") {
  for_golden_cases("attention", [](GoldenCase& c) {
    const Tensor x = c.leaf("x", Layout::signal);
    ConvEpilogue out;
    out.bias = c.leaf("params/to_out.bias", Layout::plain);
    out.residual = x;
    const Tensor w = c.leaf("params/to_out.weight", Layout::weight);
    c.check(conv1d(attention(c.convolved("to_qkv.", x)), w, out), Layout::signal);
  });
}

TEST_CASE("Fourier features and the time embedding agree with score_models") {
  for_golden_cases("fourier", [](GoldenCase& c) {
    const Tensor t = c.leaf("t", Layout::plain);
    c.check(fourier_features(t, c.constant("params/W", Layout::plain)), Layout::plain);
  });
  for_golden_cases("time_mlp", [](GoldenCase& c) {
    const Tensor t = c.leaf("t", Layout::plain);
    const Tensor features = fourier_features(t, c.constant("params/0.W", Layout::plain));
    c.check(c.dense("2.", activate(Activation::silu, c.dense("1.", features))), Layout::plain);
  });
}

TEST_CASE("combining a pyramid with the features agrees with score_models") {
  for_golden_cases("combine", [](GoldenCase& c) {
    const Tensor x = c.leaf("x", Layout::signal), y = c.leaf("y", Layout::signal);
    const Tensor h = c.convolved("Conv_0.conv.", x);
    c.check(c.text("method") == "cat" ? concat(h, y) : add(h, y), Layout::signal);
  });
}

TEST_CASE("a strided convolution after a FIR filter agrees with score_models") {
  for_golden_cases("downsample_layer_conv_fir", [](GoldenCase& c) {
    const Tensor x = c.leaf("x", Layout::signal);
    const std::int64_t length = x.shape()[1];
    Resampling filter = fir_down();
    filter.down = 1;
    filter.offset = 2;
    const Tensor h = c.convolved("Conv_0.", resample(filter, x, length + 1));
    c.check(resample({{1}, 1, 2, -1}, h, length / 2),
            Layout::signal); // every other, from the second
  });
}

TEST_CASE("a FIR filter after a transposed convolution agrees with score_models") {
  for_golden_cases("upsample_layer_conv_fir", [](GoldenCase& c) {
    const Tensor x = c.leaf("x", Layout::signal);
    const std::int64_t length = 2 * x.shape()[1];
    const Tensor spaced = resample({{1}, 2, 1, 1}, x, length + 1); // x[n] at 2 n + 1, zeros between
    const Tensor w = c.leaf("params/Conv1d_0.weight", Layout::weight);
    Resampling filter = fir_up();
    filter.up = 1;
    filter.offset = 1;
    const Tensor h = resample(filter, conv1d(spaced, w), length);

    const std::int64_t channels = h.shape()[2];
    std::vector<double> identity(std::size_t(channels * channels));
    for (std::int64_t i = 0; i < channels; ++i) identity[std::size_t(i * channels + i)] = 1;
    ConvEpilogue bias;
    bias.bias = c.leaf("params/Conv1d_0.bias", Layout::plain);
    const Tensor eye = from_doubles({1, channels, channels}, identity, h.dtype(), h.backend());
    c.check(conv1d(h, eye, bias), Layout::signal);
  });
}
