// The variables x[L, C] in which a prior lives, and the histories h[C, L] they stand for: channel 0
// is the star-formation rate [Msun/yr], channel 1 log10 Z/Zsun. Channel 0 becomes, with a floor f,
//   linear    v = SFR                                 (the publication)
//   asinh     v = asinh(SFR/f)                        f in Msun/yr
//   relative  v = asinh(SFR/(f m)) + ln m             m the history's mean rate over its bins
// and the other channels stay as they are; then x = (v - mean)/std per channel and bin. Linear
// rates pile all small galaxies up at one x. In the relative form a factor in mass is a shift of
// all v, and rates are resolved down to f times the galaxy's own mean: it is a bijection between L
// numbers v and the L rates of any history whose mean rate is positive.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace lookback::nn {

enum class SfrVariable { linear, asinh, relative };

struct Normalization {
  std::vector<double> mean, std; // [C, L] of v
  SfrVariable sfr = SfrVariable::linear;
  double floor = 0; // f; none for linear
};

const char* name_of(SfrVariable variable);
// Errors: none of linear, asinh, relative.
SfrVariable sfr_variable(const std::string& name);

// data[N, L, C] of histories to v, in place. Errors: a floor that is not positive where one is
// needed; for relative, a history without stars, by its number.
void to_variables(std::span<float> data, std::int64_t length, std::int64_t channels,
                  SfrVariable variable, double floor);

// Mean and standard deviation per channel and bin of v[N, L, C]. Errors: fewer than two samples; an
// element that never varies, named by `names[channel]` and bin.
Normalization normalization_of(std::span<const float> v, std::int64_t length,
                               std::span<const std::string> names);
// v[N, L, C] -> (v - mean)/std, in place.
void standardise(std::span<float> v, const Normalization& normalization, std::int64_t length);

// x[L, C] of one sample -> h[C, L].
std::vector<double> history_of(std::span<const double> x, const Normalization& normalization,
                               std::int64_t channels);

// dh_i/dx_j = diagonal_i (i = j) + along_i across_j, i and j over [C, L]; the last two are empty
// where every h_i depends on its own x_i alone.
struct HistoryDerivative {
  std::vector<double> diagonal, along, across;
  // gradient[C, L] with respect to h becomes that with respect to x.
  void pull_back(std::span<double> gradient) const;
};
HistoryDerivative history_derivative(std::span<const double> x, const Normalization& normalization,
                                     std::int64_t channels);

} // namespace lookback::nn
