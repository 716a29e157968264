#include "nn/variables.hpp"

#include "engine/error.hpp"

#include <cmath>

namespace lookback::nn {
namespace {

constexpr const char* names[] = {"linear", "asinh", "relative"};

// v[C, L] of one sample x[L, C].
std::vector<double> variables_of(std::span<const double> x, const Normalization& n,
                                 std::size_t channels) {
  const std::size_t L = x.size() / channels;
  std::vector<double> v(x.size());
  for (std::size_t c = 0; c < channels; ++c)
    for (std::size_t l = 0; l < L; ++l)
      v[c * L + l] = n.mean[c * L + l] + n.std[c * L + l] * x[l * channels + c];
  return v;
}

// The mean rate m of relative variables v: with A = mean(exp v) and B = mean(exp -v), the mean of
// f m sinh(v - ln m) is m where B m^2 + 2 m/f - A = 0.
double mean_rate(std::span<const double> v, double floor) {
  double A = 0, B = 0;
  for (double each : v) {
    A += std::exp(each) / double(v.size());
    B += std::exp(-each) / double(v.size());
  }
  return A / (1 / floor + std::sqrt(1 / (floor * floor) + A * B));
}

} // namespace

const char* name_of(SfrVariable variable) {
  return names[int(variable)];
}

SfrVariable sfr_variable(const std::string& name) {
  for (int i = 0; i < 3; ++i)
    if (name == names[i]) return SfrVariable(i);
  fail("the variable of the star-formation rate is '", name,
       "'; expected linear, asinh or relative");
}

void to_variables(std::span<float> data, std::int64_t length, std::int64_t channels,
                  SfrVariable variable, double floor) {
  if (variable == SfrVariable::linear) return;
  require(floor > 0 && std::isfinite(floor), "the floor of the star-formation rate is ", floor,
          "; expected a positive number");
  const std::size_t L = std::size_t(length), C = std::size_t(channels), N = data.size() / (L * C);
  for (std::size_t n = 0; n < N; ++n) {
    float* sfr = data.data() + n * L * C; // with stride C
    double m = 1;
    if (variable == SfrVariable::relative) {
      m = 0;
      for (std::size_t l = 0; l < L; ++l) m += sfr[l * C] / double(L);
      require(m > 0, "histories: history ", n, " of those to train on has a mean rate of ", m,
              " Msun/yr, which has no relative variables; leave it out");
    }
    for (std::size_t l = 0; l < L; ++l)
      sfr[l * C] = float(std::asinh(sfr[l * C] / (floor * m)) + std::log(m));
  }
}

Normalization normalization_of(std::span<const float> v, std::int64_t length,
                               std::span<const std::string> channel_names) {
  const std::size_t C = channel_names.size(), L = std::size_t(length), N = v.size() / (C * L);
  require(N >= 2, "histories: ", N, " for training; expected at least 2");
  Normalization result{std::vector<double>(C * L), std::vector<double>(C * L)};
  for (std::size_t c = 0; c < C; ++c)
    for (std::size_t l = 0; l < L; ++l) {
      double mean = 0, squares = 0;
      for (std::size_t n = 0; n < N; ++n) { // Welford's recurrence
        const double value = v[(n * L + l) * C + c], before = value - mean;
        mean += before / double(n + 1);
        squares += before * (value - mean);
      }
      require(squares > 0, "histories: ", channel_names[c], " has the same value in bin ", l,
              " of every history, so it cannot be standardised; give more varied histories");
      result.mean[c * L + l] = mean;
      result.std[c * L + l] = std::sqrt(squares / double(N));
    }
  return result;
}

void standardise(std::span<float> v, const Normalization& normalization, std::int64_t length) {
  const std::size_t L = std::size_t(length), C = normalization.mean.size() / L;
  for (std::size_t i = 0; i < v.size(); ++i) {
    const std::size_t j = i % C * L + i / C % L;
    v[i] = float((v[i] - normalization.mean[j]) / normalization.std[j]);
  }
}

std::vector<double> history_of(std::span<const double> x, const Normalization& n,
                               std::int64_t channels) {
  std::vector<double> h = variables_of(x, n, std::size_t(channels));
  const std::span<double> v(h.data(), x.size() / std::size_t(channels));
  if (n.sfr == SfrVariable::asinh)
    for (double& each : v) each = n.floor * std::sinh(each);
  if (n.sfr == SfrVariable::relative) {
    const double m = mean_rate(v, n.floor), shift = std::log(m);
    for (double& each : v) each = n.floor * m * std::sinh(each - shift);
  }
  return h;
}

HistoryDerivative history_derivative(std::span<const double> x, const Normalization& n,
                                     std::int64_t channels) {
  HistoryDerivative d{n.std, {}, {}};
  const std::size_t L = x.size() / std::size_t(channels);
  const std::vector<double> v = variables_of(x, n, std::size_t(channels));
  if (n.sfr == SfrVariable::asinh)
    for (std::size_t l = 0; l < L; ++l) d.diagonal[l] *= n.floor * std::cosh(v[l]);
  if (n.sfr != SfrVariable::relative) return d;

  // m depends on all v: d ln m/dv_j = cosh(v_j - ln m)/sum_i cosh(v_i - ln m).
  const double m = mean_rate({v.data(), L}, n.floor), shift = std::log(m);
  d.along.assign(x.size(), 0);
  d.across.assign(x.size(), 0);
  double sum = 0;
  for (std::size_t l = 0; l < L; ++l) sum += std::cosh(v[l] - shift);
  for (std::size_t l = 0; l < L; ++l) {
    const double slope = std::cosh(v[l] - shift);
    d.diagonal[l] *= n.floor * m * slope;
    d.along[l] = -n.floor * m * std::exp(shift - v[l]); // f m (sinh - cosh)
    d.across[l] = slope / sum * n.std[l];
  }
  return d;
}

void HistoryDerivative::pull_back(std::span<double> gradient) const {
  double along_gradient = 0;
  for (std::size_t i = 0; i < along.size(); ++i) along_gradient += along[i] * gradient[i];
  for (std::size_t i = 0; i < gradient.size(); ++i)
    gradient[i] = gradient[i] * diagonal[i] + (across.empty() ? 0 : across[i] * along_gradient);
}

} // namespace lookback::nn
