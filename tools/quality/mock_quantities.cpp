#include "tools/quality/mock_quantities.hpp"

#include "engine/error.hpp"
#include "physics/cosmology.hpp"
#include "tools/inference/history_at.hpp"

#include <Eigen/Eigenvalues>

#include <algorithm>
#include <cmath>

namespace lookback::tools {

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;

namespace {

constexpr Index parts = 8, directions = 3;
constexpr double least_share = 1e-3; // of the mean rate
constexpr double least_rate = 1e-12; // Msun/yr, of a history without stars

// The right singular vectors of the largest singular values, each with a positive sum.
MatrixXd leading_directions(const MatrixXd& j) {
  const Eigen::SelfAdjointEigenSolver<MatrixXd> gram(j.transpose() * j);
  MatrixXd v = gram.eigenvectors().rightCols(directions).rowwise().reverse();
  for (Index k = 0; k < directions; ++k)
    if (v.col(k).sum() < 0) v.col(k) *= -1;
  return v;
}

double log10_rate(double rate, double floor) {
  return std::log10(std::max(rate, floor));
}

} // namespace

const std::vector<MockQuantity>& mock_quantities() {
  static const std::vector<MockQuantity> all = [] {
    std::vector<MockQuantity> list = {
        {"mass", "log10 Msun"}, {"age", "Gyr"}, {"metallicity", "log10 Z/Zsun"}};
    for (Index part = 1; part <= parts; ++part)
      list.push_back({"SFR of part " + std::to_string(part), "log10 Msun/yr"});
    list.push_back({"t50", "Gyr"});
    list.push_back({"recent SFR", "log10 Msun/yr"});
    list.push_back({"log-likelihood", ""});
    for (Index k = 1; k <= directions; ++k) list.push_back({"projection " + std::to_string(k), ""});
    return list;
  }();
  return all;
}

std::size_t place_of(const std::string& quantity) {
  const auto& all = mock_quantities();
  const auto found = std::find_if(all.begin(), all.end(),
                                  [&](const MockQuantity& q) { return q.name == quantity; });
  require(found != all.end(), "there is no quantity '", quantity, "'");
  return std::size_t(found - all.begin());
}

QuantitiesOf::QuantitiesOf(const nn::Normalization& normalization, const physics::TimeBins& bins,
                           double redshift, const WhitenedData& data, const VectorXd& estimate,
                           const std::optional<NuisancePrior>& a_v)
    : normalization_(normalization), observed_(physics::observe(bins, physics::age_gyr(redshift))),
      derived_(bins, redshift), data_(data), a_v_(a_v),
      directions_(leading_directions(data.jacobian(estimate))) {
  require_bins(bins, redshift);
}

double QuantitiesOf::floor(const VectorXd& history) const {
  const double formed_mass =
      history.head(observed_.count()).cwiseMax(0.0).dot(observed_.duration_gyr);
  return std::max(least_share * formed_mass / observed_.observed_gyr, least_rate);
}

std::vector<double> QuantitiesOf::operator()(const VectorXd& x) const {
  const VectorXd h = history_at(x, normalization_);
  const double least = floor(h);
  const physics::DerivedQuantities d = derived_(h);
  const auto finite = [](double value) { return std::isfinite(value) ? value : 0.0; };
  std::vector<double> values = {finite(d.log10_mass_formed_msun), finite(d.age_mass_weighted_gyr),
                                finite(d.log_z_mass_weighted)};
  for (Index part = 0; part < parts; ++part) {
    const Index first = part * formed() / parts, count = (part + 1) * formed() / parts - first;
    const auto duration = observed_.duration_gyr.segment(first, count);
    const double mass = h.segment(first, count).cwiseMax(0.0).dot(duration);
    values.push_back(log10_rate(mass / duration.sum(), least));
  }
  values.push_back(finite(d.t50_lookback_gyr));
  values.push_back(log10_rate(d.sfr_100, least));
  values.push_back(-0.5 * data_.residual(x).squaredNorm());
  for (Index k = 0; k < directions; ++k) values.push_back(directions_.col(k).dot(x));
  if (a_v_) values.push_back(a_v_->value(x[x.size() - 1]));
  return values;
}

std::vector<double> QuantitiesOf::bin_values(const VectorXd& x) const {
  const VectorXd h = history_at(x, normalization_);
  const double least = floor(h);
  std::vector<double> values(h.begin(), h.end());
  for (Index bin = 0; bin < observed_.count(); ++bin)
    values[std::size_t(bin)] = log10_rate(h[bin], least);
  return values;
}

void require_bins(const physics::TimeBins& bins, double redshift) {
  const Index formed = physics::observe(bins, physics::age_gyr(redshift)).formed;
  require(formed >= parts, "at redshift ", redshift, " only ", formed,
          " time bins of the prior lie before the epoch of observation, expected at least ", parts);
}

MatrixXd variables_of(const MatrixXd& histories, const nn::Normalization& normalization) {
  const Index L = histories.rows() / 2;
  std::vector<float> data; // [N, L, C]
  for (Index n = 0; n < histories.cols(); ++n)
    for (Index l = 0; l < L; ++l)
      for (Index c = 0; c < 2; ++c) data.push_back(float(histories(c * L + l, n)));
  nn::to_variables(data, L, 2, normalization.sfr, normalization.floor);
  nn::standardise(data, normalization, L);
  return Eigen::MatrixXf::Map(data.data(), 2 * L, histories.cols()).cast<double>();
}

} // namespace lookback::tools
