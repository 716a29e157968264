#include "tools/inference/nuisance_prior.hpp"

#include "engine/error.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace lookback::tools {

double NuisancePrior::value(double u) const {
  if (error > 0) return std::clamp(0.5 * (low + high) + error * u, low, high);
  return low + (high - low) * 0.5 * std::erfc(-u / std::numbers::sqrt2);
}

double NuisancePrior::u_of(double v) const {
  double below = -8, above = 8;
  for (int halving = 0; halving < 60; ++halving) {
    const double middle = 0.5 * (below + above);
    (value(middle) < v ? below : above) = middle;
  }
  return above;
}

double NuisancePrior::slope(double u) const {
  if (error > 0) return std::abs(error * u) < 0.5 * (high - low) ? error : 0;
  return (high - low) * std::exp(-0.5 * u * u) / std::sqrt(2 * std::numbers::pi);
}

NuisancePrior even_prior(double physics::Nuisance::*parameter, double low, double high) {
  require(0 <= low && low < high && std::isfinite(high), "a prior between ", low, " and ", high,
          "; expected two numbers from 0 on, the second larger");
  return {parameter, low, high};
}

NuisancePrior gaussian_prior(double physics::Nuisance::*parameter, double centre, double error) {
  require(error > 0 && 5 * error <= centre, "a prior of ", centre, " +- ", error,
          "; expected an error above 0 and no more than a fifth of the value");
  return {parameter, centre - 5 * error, centre + 5 * error, error};
}

} // namespace lookback::tools
