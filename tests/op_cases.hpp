// The one list of op cases. It serves the gradient checks, float32 against float64, a device
// against the CPU, thread counts, batch sizes and the adding of gradients; an op without a case
// here fails the test that walks the network's tape.
#pragma once

#include "engine/ops.hpp"

#include <cmath>
#include <functional>
#include <set>
#include <string>
#include <vector>

namespace lookback::test {

using Tensors = std::vector<Tensor>;

struct Input {
  Shape shape;
  bool per_sample = true;     // its first axis is the batch
  bool differentiated = true; // false for what the op takes as a constant
};

inline Input weight(Shape shape) {
  return {shape, false, true};
}

struct OpCase {
  std::string name;
  std::vector<Input> inputs;
  std::function<Tensor(const Tensors&)> f;
  double terms = 1;       // length of its longest sum, forward or backward: scales rounding bounds
  bool per_sample = true; // sample b of the result depends on sample b of the inputs alone
};

inline Resampling fir_down() {
  return {{0.125, 0.375, 0.375, 0.125}, 1, 2, 1};
}
inline Resampling fir_up() {
  return {{0.25, 0.75, 0.75, 0.25}, 2, 1, 2};
}

struct ConvSizes {
  std::int64_t b, l, ci, co, k;
};

// Inputs in the order x, w and, where wanted, bias, embedding, residual.
inline OpCase conv_case(const std::string& name, ConvSizes n, bool bias = false,
                        bool embedding = false, bool residual = false, double scale = 1) {
  OpCase c;
  c.name = "conv1d, " + name;
  c.inputs = {{{n.b, n.l, n.ci}}, weight({n.k, n.ci, n.co})};
  if (bias) c.inputs.push_back(weight({n.co}));
  if (embedding) c.inputs.push_back({{n.b, n.co}});
  if (residual) c.inputs.push_back({{n.b, n.l, n.co}});
  c.f = [=](const Tensors& x) {
    ConvEpilogue epilogue;
    std::size_t next = 2;
    if (bias) epilogue.bias = x[next++];
    if (embedding) epilogue.embedding = x[next++];
    if (residual) epilogue.residual = x[next++];
    epilogue.scale = scale;
    return conv1d(x[0], x[1], epilogue);
  };
  c.terms = double(std::max(n.k * std::max(n.ci, n.co), n.b * n.l)) + 4;
  return c;
}

inline OpCase group_norm_case(Shape shape, int groups, Activation kind) {
  return {"group_norm " + shape.text(),
          {{shape}, weight({shape[2]}), weight({shape[2]})},
          [=](const Tensors& x) { return group_norm(x[0], x[1], x[2], groups, 1e-6, kind); },
          double(shape[1] * std::max(shape[0], shape[2] / groups)) + 20};
}

inline OpCase attention_case(std::int64_t b, std::int64_t l, std::int64_t c) {
  const Shape shape{b, l, 3 * c};
  return {"attention " + shape.text(),
          {{shape}},
          [](const Tensors& x) { return attention(x[0]); },
          double(l + c) + 20};
}

inline OpCase resample_case(const std::string& name, const Resampling& filter, Shape shape,
                            std::int64_t length) {
  return {"resample, " + name,
          {{shape}},
          [=](const Tensors& x) { return resample(filter, x[0], length); },
          8};
}

inline OpCase activate_case(const std::string& name, Activation kind, Shape shape) {
  return {
      "activate, " + name, {{shape}}, [kind](const Tensors& x) { return activate(kind, x[0]); }, 8};
}

inline OpCase linear_case(std::int64_t b, std::int64_t ci, std::int64_t co) {
  return {"linear " + Shape{b, ci, co}.text(),
          {{{b, ci}}, weight({1, ci, co}), weight({co})},
          [](const Tensors& x) { return linear(x[0], x[1], x[2]); },
          double(std::max({b, ci, co})) + 4};
}

inline OpCase linear_layers_case(std::int64_t b, std::int64_t ci, std::int64_t co) {
  return {"linear, layers of one x " + Shape{b, ci, co}.text(),
          {{{b, ci}}, weight({1, ci, co}), weight({co}), weight({1, ci, co}), weight({co})},
          [](const Tensors& x) {
            const auto y = linear(x[0], {{x[1], x[2]}, {x[3], x[4]}});
            return add(y[0], y[1]);
          },
          2 * double(std::max({b, ci, co})) + 4};
}

inline std::vector<OpCase> pointwise_cases() {
  const Input factors{{3}, true, false}, frequencies{{4}, false, false};
  return {
      activate_case("silu", Activation::silu, {3, 5, 7}),
      activate_case("silu of one number", Activation::silu, {1, 1, 1}),
      activate_case("silu of more than a block", Activation::silu, {3, 37, 41}),
      activate_case("relu", Activation::relu, {2, 3, 5}),
      activate_case("elu", Activation::elu, {2, 3, 5}),
      activate_case("tanh", Activation::tanh, {2, 3, 5}),
      {"add", {{{2, 5, 7}}, {{2, 5, 7}}}, [](const Tensors& x) { return add(x[0], x[1]); }},
      {"add of a tensor to itself", {{{2, 5}}}, [](const Tensors& x) { return add(x[0], x[0]); }},
      {"reshape",
       {{{2, 3, 4}}},
       [](const Tensors& x) {
         return reshape(x[0], {x[0].shape()[0], 12});
       }},
      {"scale_samples",
       {factors, {{3, 5, 4}}},
       [](const Tensors& x) { return scale_samples(x[0], x[1]); }},
      // The phase 2 pi t w is about 20 here, and so is the amplification of its rounding.
      {"fourier_features",
       {{{5}}, frequencies},
       [](const Tensors& x) { return fourier_features(x[0], x[1]); },
       80},
  };
}

inline std::vector<OpCase> sum_and_layout_cases() {
  return {
      {"squared_norm", {{{3, 4, 5}}}, [](const Tensors& x) { return squared_norm(x[0]); }, 20},
      {"squared_norm of one number",
       {{{1, 1}}},
       [](const Tensors& x) { return squared_norm(x[0]); }},
      {"squared_norm of long samples",
       {{{2, 67, 31}}},
       [](const Tensors& x) { return squared_norm(x[0]); },
       2077},
      {"mean", {{{3, 4, 5}}}, [](const Tensors& x) { return mean(x[0]); }, 60, false},
      {"mean of many", {{{4, 67, 31}}}, [](const Tensors& x) { return mean(x[0]); }, 8308, false},
      {"concat", {{{2, 5, 3}}, {{2, 5, 4}}}, [](const Tensors& x) { return concat(x[0], x[1]); }},
      {"concat of one channel each",
       {{{1, 1, 1}}, {{1, 1, 1}}},
       [](const Tensors& x) { return concat(x[0], x[1]); }},
      resample_case("FIR down", fir_down(), {2, 8, 5}, 4),
      resample_case("FIR down of odd length", fir_down(), {3, 7, 2}, 3),
      resample_case("FIR up", fir_up(), {2, 8, 5}, 16),
      resample_case("FIR up of length one", fir_up(), {1, 1, 1}, 2),
      resample_case("pairs averaged", {{0.5, 0.5}, 1, 2, 0}, {2, 6, 3}, 3),
      resample_case("values repeated", {{1, 1}, 2, 1, 1}, {2, 5, 3}, 10),
      resample_case("lopsided 3/2", {{0.5, -1, 2, 0.25, 0.75}, 3, 2, 2}, {2, 8, 3}, 13),
      resample_case("cropped 2/3", {{1, 2, -1, 0.3, 0.7}, 2, 3, -1}, {2, 10, 3}, 6),
  };
}

inline std::vector<OpCase> op_cases() {
  std::vector<OpCase> cases = pointwise_cases();
  for (OpCase& c : sum_and_layout_cases()) cases.push_back(std::move(c));
  for (OpCase& c :
       std::vector<OpCase>{conv_case("plain", {2, 9, 4, 8, 3}),
                           conv_case("odd sizes", {3, 17, 5, 7, 3}, true),
                           conv_case("all of size one", {1, 1, 1, 1, 3}, true),
                           conv_case("two positions", {2, 2, 3, 2, 3}, true, true),
                           conv_case("one tap", {4, 5, 3, 40, 1}, true, false, true),
                           conv_case("five taps", {2, 8, 6, 4, 5}, true),
                           conv_case("more taps than positions", {1, 2, 2, 3, 7}),
                           conv_case("all terms of the epilogue", {2, 13, 16, 33, 3}, true, true,
                                     true, 1 / std::sqrt(2)),
                           conv_case("several tiles", {3, 64, 24, 72, 3}, true, true, true, 0.5),
                           linear_case(4, 8, 32),
                           linear_case(1, 33, 7),
                           linear_case(3, 1, 1),
                           linear_layers_case(5, 20, 7),
                           group_norm_case({2, 16, 8}, 2, Activation::none),
                           group_norm_case({3, 9, 24}, 6, Activation::silu),
                           group_norm_case({1, 1, 4}, 1, Activation::silu),
                           group_norm_case({2, 17, 12}, 3, Activation::elu),
                           group_norm_case({2, 65, 20}, 5, Activation::tanh),
                           group_norm_case({2, 5, 66}, 33, Activation::relu),
                           group_norm_case({2, 140, 8}, 1, Activation::silu),
                           attention_case(2, 5, 4),
                           attention_case(1, 1, 8),
                           attention_case(3, 8, 16),
                           attention_case(2, 33, 3),
                           attention_case(1, 70, 5)})
    cases.push_back(std::move(c));
  return cases;
}

// The names that the cases leave on a tape.
inline std::set<std::string> ops_with_a_case(Backend& backend) {
  std::set<std::string> names;
  for (const OpCase& c : op_cases()) {
    Tape tape;
    Tensors inputs;
    for (const Input& input : c.inputs) {
      Tensor x(input.shape, DType::f32, backend);
      backend.fill(x, 1);
      inputs.push_back(input.differentiated ? tape.variable(x) : x);
    }
    c.f(inputs);
    for (std::size_t i = 0; i < tape.size(); ++i) names.insert(tape.name(i));
  }
  return names;
}

} // namespace lookback::test
