// Numbers that peaks go by, on the host and on a GPU.
#pragma once

namespace lookback::tools::peak_numbers {

constexpr double negligible_weight = 1e-6; // of a Gaussian of the prior
constexpr double negligible = 1e-3;        // of a log density
constexpr double shortest_step = 1e-3;     // of Newton's
constexpr double least_strength = 1e-3;    // below, the data say nothing
constexpr double tolerance = 1e-4;         // of a coordinate of standard deviation 1
constexpr double slow = 0.25;              // a step of an old slope leaves more: take a new one
constexpr int most_steps = 50;

} // namespace lookback::tools::peak_numbers
