// A level of dkps (dkps.hpp) between tensors on a GPU: the same numbers as on the host, but for
// rounding. All tensors are float64 unless said; x holds X = 2 bins + free numbers, and matrices
// are stored by columns, as Eigen has them.
#pragma once

#include "engine/backend.hpp"

#include <array>

namespace lookback::tools {

// S(x) as SpectrumTerms (compressed_spectrum.hpp) has it.
struct SpectrumOnDevice {
  static constexpr int most_free = 3;
  struct Free { // as NuisancePrior; nodes of its axis
    double low, high, error;
    int nodes;
  };
  int bins, formed, metallicities, size, nodes, free;
  bool asinh; // of rates over `floor`, else linear
  double floor;
  std::array<Free, most_free> parameter;
  Tensor y;         // [size]
  Tensor r;         // [metallicities formed, nodes size]
  Tensor log_z;     // [metallicities]
  Tensor mean, std; // [2 bins], rates before metallicities
  Tensor axes;      // nodes of the parameters, one parameter after the other
};

struct MixtureOnDevice {   // D = 2 bins
  Tensor log_weight, mean; // [K], [K, D]
  Tensor basis, variance;  // [K, D, D] by columns, [K, D]
};

struct LevelOnDevice {
  SpectrumOnDevice spectrum;
  MixtureOnDevice mixture;
  int newton_steps, moves;
  Stream numbers;   // of proposals: step 0, draw the first chain
  Tensor sigma;     // [levels]
  Tensor level;     // [1], the number of this one
  Tensor factors;   // [levels, K, D, D], of make_factors
  Tensor x_t, mean; // [B, X]
  Tensor x;         // [B, X], the draws
  Tensor accepted;  // [levels, B], share of the moves
  Tensor pull;      // [levels, B]
};

// L L^T = Cov[x | x_t] of every level and component.
void make_factors(const MixtureOnDevice& mixture, const Tensor& sigma, const Tensor& factors);

// x_t[B, X] -> x of float32 [B, bins, 2], what the network takes.
void network_input(const Tensor& x_t, const Tensor& x);
// mean = x_t + sigma r, r [B, bins, 2] of float32; of free parameters x_t/(1 + sigma^2).
void denoised(const LevelOnDevice& level, const Tensor& r);
// Draws x | x_t, data.
void draw_level(const LevelOnDevice& level);
// x_t = x + sigma z with the sigma of the next level, if there is one; z [B, X].
void next_level(const LevelOnDevice& level, const Tensor& z);

} // namespace lookback::tools
