// What is looked at in a history to see whether its posterior is calibrated: numbers that people
// quote, star-formation rates, and two kinds that tell methods apart where these do not, the
// log-likelihood and the directions of x that the data measure best.
#pragma once

#include "nn/variables.hpp"
#include "physics/derived.hpp"
#include "tools/inference/nuisance_prior.hpp"
#include "tools/inference/whitened_data.hpp"

#include <optional>
#include <string>
#include <vector>

namespace lookback::tools {

struct MockQuantity {
  std::string name, unit;
};
// Those of any mock, in the order of the values below; A_V comes after them where it is fitted. The
// first `tarp_quantities` are mass, age, metallicity and the rates of parts of the time, which
// together say most of a history.
const std::vector<MockQuantity>& mock_quantities();
inline constexpr std::size_t tarp_quantities = 11;
std::size_t place_of(const std::string& quantity);

// Values of histories x[L, 2] of one mock, above u of A_V where that is fitted. Rates below a
// thousandth of the history's mean count as that: no posterior needs to tell them from zero. All
// values are finite; a history without stars has the mass 1 Msun, and age and metallicity 0.
class QuantitiesOf {
public:
  // `estimate` is a function of the data, never of the truth: x is projected on the first right
  // singular vectors of dS/dx there. Everything given must outlive the object. Errors: those of
  // require_bins.
  QuantitiesOf(const nn::Normalization& normalization, const physics::TimeBins& bins,
               double redshift, const WhitenedData& data, const Eigen::VectorXd& estimate,
               const std::optional<NuisancePrior>& a_v = {});

  std::vector<double> operator()(const Eigen::VectorXd& x) const;

  // log10 rate of every bin, with the same floor, and log10(Z/Zsun); bins after the epoch of
  // observation, from formed() on, mean nothing.
  std::vector<double> bin_values(const Eigen::VectorXd& x) const; // [2 bins]
  Eigen::Index formed() const { return observed_.formed; }

private:
  double floor(const Eigen::VectorXd& history) const; // Msun/yr

  const nn::Normalization& normalization_;
  physics::ObservedBins observed_;
  physics::DerivedModel derived_;
  const WhitenedData& data_;
  std::optional<NuisancePrior> a_v_;
  Eigen::MatrixXd directions_; // [D, 3]
};

// Errors: fewer than 8 bins before the epoch of observation, too few for the rates of parts.
void require_bins(const physics::TimeBins& bins, double redshift);

// Histories, one a column: SFR [Msun/yr], then log10(Z/Zsun), to x[L, 2] in columns, with the
// rounding of float32. Errors: those of nn::to_variables.
Eigen::MatrixXd variables_of(const Eigen::MatrixXd& histories,
                             const nn::Normalization& normalization);

} // namespace lookback::tools
