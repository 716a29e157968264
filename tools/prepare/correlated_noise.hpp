// Gaussian noise in time with a broken power-law power spectrum (Caplar & Tacchella 2019, MNRAS
// 487, 3845),
//
//   P(f) ~ 1 / (1 + (2 pi f tau)^slope),
//
// white over times longer than the break time tau and correlated below it. It is a sum of Fourier
// modes over twice the time span, so that its ends are not tied together.
#pragma once

#include "engine/random.hpp"

#include <vector>

namespace lookback::tools {

class CorrelatedNoise {
public:
  CorrelatedNoise(int steps, double step_gyr, double slope);

  // [steps] zero mean over many draws, standard deviation sigma. Normal numbers 0 ... 2 modes - 1
  // of `stream` are used.
  std::vector<double> draw(const Stream& stream, double sigma, double break_gyr) const;

  // P(f), not normalised.
  double power(double frequency_per_gyr, double break_gyr) const;

private:
  int steps_, modes_;
  double span_gyr_, slope_;
  std::vector<double> cosine_, sine_; // [modes, steps]
};

} // namespace lookback::tools
