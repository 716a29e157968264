// Reverse-mode gradients against central differences in float64.
#pragma once

#include "tests/evaluate.hpp"

#include <algorithm>

namespace lookback::test {

using TensorFunction = std::function<Tensor(const Tensors&)>;

// The cube root of the spacing of float64 balances truncation, h^2 f''' / 6, and rounding, f u / h:
// what remains is about 1e-10.
constexpr double difference_step = 6e-6;
constexpr std::size_t most_elements_checked = 150; // of one input; a longer one is sampled evenly

// d<cotangent, f>/d(element) by moving one element of input i back and forth.
inline double numerical_slope(const TensorFunction& f, Tensors inputs, std::size_t i,
                              std::size_t element, const std::vector<double>& cotangent) {
  std::vector<double> values = to_doubles(inputs[i]);
  const Tensor original = inputs[i];
  auto moved = [&](double step) {
    std::vector<double> shifted = values;
    shifted[element] += step;
    inputs[i] = from_doubles(original.shape(), shifted, DType::f64, original.backend());
    return to_doubles(f(inputs));
  };
  const std::vector<double> ahead = moved(difference_step), behind = moved(-difference_step);
  double slope = 0;
  for (std::size_t k = 0; k < cotangent.size(); ++k) slope += cotangent[k] * (ahead[k] - behind[k]);
  return slope / (2 * difference_step);
}

// The largest |gradient - difference| of input i over the largest |difference|; infinite where a
// gradient is not finite.
inline double gradient_error(const TensorFunction& f, const Tensors& inputs, std::size_t i) {
  Tape tape;
  Tensors taped;
  for (std::size_t k = 0; k < inputs.size(); ++k)
    taped.push_back(k == i ? tape.variable(inputs[k]) : inputs[k]);
  const Tensor y = f(taped);
  const Tensor dy = random_tensor(y.shape(), cotangent_draw, DType::f64, y.backend());
  tape.backward(y, dy);
  const std::vector<double> gradient = to_doubles(tape.gradient(taped[i])),
                            cotangent = to_doubles(dy);

  const std::size_t stride = (gradient.size() + most_elements_checked - 1) / most_elements_checked;
  double largest_error = 0, largest_slope = 0;
  for (std::size_t e = 0; e < gradient.size(); e += stride) {
    if (!std::isfinite(gradient[e])) return INFINITY;
    const double slope = numerical_slope(f, inputs, i, e, cotangent);
    largest_error = std::max(largest_error, std::abs(gradient[e] - slope));
    largest_slope = std::max(largest_slope, std::abs(slope));
  }
  return largest_slope > 0 ? largest_error / largest_slope : largest_error;
}

} // namespace lookback::test
