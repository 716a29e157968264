#include "physics/derived.hpp"

#include "engine/error.hpp"
#include "physics/age_weights.hpp"
#include "physics/cosmology.hpp"
#include "physics/metallicity.hpp"
#include "physics/resampling.hpp"
#include "physics/units.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <numbers>
#include <vector>

namespace lookback::physics {

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;

namespace {

constexpr std::array light_wavelength_angstrom = {5500.0};
constexpr double unknown = std::numeric_limits<double>::quiet_NaN();

// [nodes, ages] rest-frame flux of the SSPs at 5500 A; empty where the grid does not reach.
MatrixXd ssp_light(const SspGrid& grid) {
  const Resampler at(ResamplingRule::linear, grid.wavelength_angstrom, light_wavelength_angstrom);
  if (!at.inside()[0]) return {};
  MatrixXd light(grid.metallicities(), grid.ages());
  for (Index j = 0; j < grid.metallicities(); ++j) light.row(j) = at.apply(grid.spectra(j));
  return light;
}

// Sum over formed bins of amount_i times the bin's value interpolated in metallicity.
double interpolated_sum(const VectorXd& amount, const MatrixXd& node_values,
                        const std::vector<TwoNodes>& at) {
  double sum = 0;
  for (std::size_t i = 0; i < at.size(); ++i)
    sum += amount[i] * ((1 - at[i].share) * node_values(at[i].lower, i) +
                        at[i].share * node_values(at[i].upper, i));
  return sum;
}

// Time since the given share of the mass had formed.
double formation_lookback_gyr(const VectorXd& mass, const ObservedBins& bins, double share) {
  double needed = share * mass.sum();
  for (Index i = 0; i < mass.size(); ++i) {
    if (mass[i] > 0 && needed <= mass[i])
      return bins.oldest_gyr[i] - bins.duration_gyr[i] * needed / mass[i];
    needed -= mass[i];
  }
  return mass.sum() > 0 ? bins.youngest_gyr[mass.size() - 1] : unknown; // rounding of the sum
}

double recent_sfr(const VectorXd& sfr, const ObservedBins& bins, double window_gyr) {
  double formed = 0;
  for (Index i = 0; i < sfr.size(); ++i)
    formed += sfr[i] * std::max(0.0, std::min(bins.oldest_gyr[i], window_gyr) -
                                         std::min(bins.youngest_gyr[i], window_gyr));
  return formed / window_gyr;
}

} // namespace

DerivedModel::DerivedModel(const TimeBins& bins, double redshift, const SspGrid* grid)
    : observed_(observe(bins, age_gyr(redshift))) {
  if (!grid) return;
  check(*grid);
  log_z_nodes_ = grid->log_z_zsun;
  const MatrixXd mean = age_weights(observed_, grid->age_gyr).transpose();
  if (grid->surviving_mass_fraction) surviving_ = *grid->surviving_mass_fraction * mean;
  if (const MatrixXd light = ssp_light(*grid); light.size() > 0) {
    light_ = light * mean;
    light_times_age_ = light * age_moment_weights(observed_, grid->age_gyr).transpose();
  }
}

DerivedQuantities DerivedModel::operator()(const VectorXd& history) const {
  const Index bins = observed_.count(), formed = observed_.formed;
  require(history.size() == 2 * bins, "a history has ", history.size(), " values; expected ",
          2 * bins);
  const VectorXd sfr = history.head(formed).cwiseMax(0);
  const VectorXd log_z = history.segment(bins, formed);
  const VectorXd duration = observed_.duration_gyr.head(formed);
  const VectorXd mass = units::years_per_gyr * sfr.cwiseProduct(duration);
  const VectorXd age = (observed_.youngest_gyr + observed_.oldest_gyr).head(formed) / 2;
  const double total = mass.sum();

  DerivedQuantities q{};
  q.log10_mass_formed_msun = std::log10(total);
  q.sfr_10 = recent_sfr(sfr, observed_, 0.01);
  q.sfr_100 = recent_sfr(sfr, observed_, 0.1);
  q.t50_lookback_gyr = formation_lookback_gyr(mass, observed_, 0.5);
  q.t90_lookback_gyr = formation_lookback_gyr(mass, observed_, 0.9);
  q.age_mass_weighted_gyr = mass.dot(age) / total;
  const VectorXd z = (log_z.array() * std::numbers::ln10).exp();
  q.log_z_mass_weighted = std::log10(mass.dot(z) / total);

  q.log10_mass_surviving_msun = q.age_light_weighted_gyr = unknown;
  std::vector<TwoNodes> at;
  if (log_z_nodes_.size() > 0)
    for (const double value : log_z) at.push_back(metallicity_nodes(value, log_z_nodes_));
  if (has_surviving_mass())
    q.log10_mass_surviving_msun = std::log10(interpolated_sum(mass, surviving_, at));
  if (has_light_weighted_age())
    q.age_light_weighted_gyr =
        interpolated_sum(mass, light_times_age_, at) / interpolated_sum(mass, light_, at);
  return q;
}

} // namespace lookback::physics
