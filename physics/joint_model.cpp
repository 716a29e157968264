#include "physics/joint_model.hpp"

#include "engine/error.hpp"
#include "physics/composite_spectrum.hpp"
#include "physics/cosmology.hpp"
#include "physics/history_weights.hpp"

namespace lookback::physics {

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;

namespace {

MatrixXd all_spectra(const SspGrid& grid) {
  check(grid);
  return Eigen::Map<const Eigen::MatrixXf>(grid.flux.data(), grid.wavelengths(),
                                           grid.metallicities() * grid.ages())
      .cast<double>();
}

// From histories to the mass at each SSP node at one redshift.
class Populations {
public:
  Populations(const TimeBins& bins, double redshift, const VectorXd& ages, const VectorXd& log_z)
      : seen_(observe(bins, age_gyr(redshift))), weights_(seen_.count(), seen_.formed, log_z),
        mass_(mass_per_sfr(seen_, ages)),
        mass_slope_(age_slope_gyr(redshift) * mass_per_sfr_slope(seen_, ages)),
        metallicities_(log_z.size()) {}

  MatrixXd mass(const MatrixXd& history) const { return at_ages(mass_, weights_.value(history)); }
  MatrixXd mass_by_redshift(const MatrixXd& history) const {
    return at_ages(mass_slope_, weights_.value(history));
  }
  MatrixXd jvp(const MatrixXd& history, const MatrixXd& d) const {
    return at_ages(mass_, weights_.jvp(history, d));
  }
  MatrixXd vjp(const MatrixXd& history, const MatrixXd& u) const {
    const Eigen::Map<const MatrixXd> by_age(u.data(), mass_.rows(), metallicities_ * u.cols());
    const MatrixXd weights = mass_.transpose() * by_age;
    return weights_.vjp(history, weights.reshaped(weights_.outputs(), u.cols()));
  }

private:
  // Columns of weights are [formed, metallicities], those of masses [ages, metallicities].
  MatrixXd at_ages(const MatrixXd& mass, const MatrixXd& weights) const {
    const MatrixXd result = mass * Eigen::Map<const MatrixXd>(weights.data(), seen_.formed,
                                                              metallicities_ * weights.cols());
    return result.reshaped(mass.rows() * metallicities_, weights.cols());
  }

  ObservedBins seen_;
  HistoryWeights weights_;
  MatrixXd mass_, mass_slope_; // [ages, formed]
  Index metallicities_;
};

} // namespace

JointModel::JointModel(const SspGrid& grid, TimeBins bins, Instrument instrument)
    : wavelength_(grid.wavelength_angstrom), age_nodes_(grid.age_gyr),
      log_z_nodes_(grid.log_z_zsun), lsun_erg_per_s_(grid.lsun_erg_per_s), bins_(std::move(bins)),
      instrument_(std::move(instrument)), spectra_(all_spectra(grid)) {
  check(bins_);
}

Index JointModel::outputs() const {
  return static_cast<Index>(instrument_.wavelength_angstrom.size() + instrument_.bands.size());
}

void JointModel::check_inputs(const MatrixXd& x) const {
  require(x.rows() == inputs(), "inputs have ", x.rows(), " rows; expected ", inputs(),
          ": the SFR and the log Z of ", bins(), " bins, A_V, redshift and sigma_v");
  require((x.row(2 * bins() + 1).array() > 0).all(), "a redshift is not above 0");
}

Nuisance JointModel::nuisance(const VectorXd& x) const {
  const auto at = x.tail<nuisances>();
  return {.a_v = at[0], .redshift = at[1], .sigma_v_km_per_s = at[2]};
}

LightPath JointModel::path(const VectorXd& x) const {
  return {wavelength_, lsun_erg_per_s_, instrument_, nuisance(x)};
}

std::vector<std::uint8_t> JointModel::inside(const VectorXd& x) const {
  check_inputs(x);
  return path(x).inside();
}

// The luminosities of all columns are one product; the path differs from column to column.
MatrixXd JointModel::value(const MatrixXd& x) const {
  check_inputs(x);
  MatrixXd mass(spectra_.inputs(), x.cols());
  for (Index n = 0; n < x.cols(); ++n) {
    const Populations at(bins_, nuisance(x.col(n)).redshift, age_nodes_, log_z_nodes_);
    mass.col(n) = at.mass(x.col(n).head(2 * bins()));
  }
  const MatrixXd luminosity = spectra_.apply(mass);
  MatrixXd y(outputs(), x.cols());
  for (Index n = 0; n < x.cols(); ++n) y.col(n) = path(x.col(n)).apply(luminosity.col(n));
  return y;
}

MatrixXd JointModel::jvp(const MatrixXd& x, const MatrixXd& d) const {
  check_inputs(x);
  require(d.rows() == inputs() && d.cols() == x.cols(), "directions are ", d.rows(), " x ",
          d.cols(), "; expected ", inputs(), " x ", x.cols());
  MatrixXd mass(spectra_.inputs(), x.cols()), change(spectra_.inputs(), x.cols());
  for (Index n = 0; n < x.cols(); ++n) {
    const Populations at(bins_, nuisance(x.col(n)).redshift, age_nodes_, log_z_nodes_);
    const MatrixXd history = x.col(n).head(2 * bins());
    mass.col(n) = at.mass(history);
    change.col(n) = at.jvp(history, d.col(n).head(2 * bins())) +
                    d(2 * bins() + 1, n) * at.mass_by_redshift(history);
  }
  const MatrixXd luminosity = spectra_.apply(mass), luminosity_change = spectra_.apply(change);
  MatrixXd y(outputs(), x.cols());
  for (Index n = 0; n < x.cols(); ++n) {
    const LightPath at = path(x.col(n));
    const Nuisance by = nuisance(d.col(n));
    y.col(n) = at.apply(luminosity_change.col(n)) + by.a_v * at.by_a_v(luminosity.col(n)) +
               by.redshift * at.by_redshift(luminosity.col(n)) +
               by.sigma_v_km_per_s * at.by_sigma_v(luminosity.col(n));
  }
  return y;
}

MatrixXd JointModel::vjp(const MatrixXd& x, const MatrixXd& u) const {
  check_inputs(x);
  require(u.rows() == outputs() && u.cols() == x.cols(), "cotangents are ", u.rows(), " x ",
          u.cols(), "; expected ", outputs(), " x ", x.cols());
  MatrixXd mass(spectra_.inputs(), x.cols());
  std::vector<Populations> populations;
  for (Index n = 0; n < x.cols(); ++n) {
    populations.emplace_back(bins_, nuisance(x.col(n)).redshift, age_nodes_, log_z_nodes_);
    mass.col(n) = populations.back().mass(x.col(n).head(2 * bins()));
  }
  const MatrixXd luminosity = spectra_.apply(mass);
  MatrixXd gradient(inputs(), x.cols()), by_luminosity(wavelength_.size(), x.cols());
  for (Index n = 0; n < x.cols(); ++n) {
    const LightPath at = path(x.col(n));
    const VectorXd light = luminosity.col(n);
    by_luminosity.col(n) = at.transpose(u.col(n));
    gradient.col(n).tail<nuisances>() << u.col(n).dot(at.by_a_v(light).col(0)),
        u.col(n).dot(at.by_redshift(light).col(0)), u.col(n).dot(at.by_sigma_v(light).col(0));
  }
  const MatrixXd by_mass = spectra_.transpose(by_luminosity);
  for (Index n = 0; n < x.cols(); ++n) {
    const Populations& at = populations[static_cast<std::size_t>(n)];
    const MatrixXd history = x.col(n).head(2 * bins());
    gradient.col(n).head(2 * bins()) = at.vjp(history, by_mass.col(n));
    gradient(2 * bins() + 1, n) += by_mass.col(n).dot(at.mass_by_redshift(history).col(0));
  }
  return gradient;
}

// All columns of a history share one path.
MatrixXd JointModel::jacobian(const VectorXd& x) const {
  check_inputs(x);
  const Populations populations(bins_, nuisance(x).redshift, age_nodes_, log_z_nodes_);
  const MatrixXd history = x.head(2 * bins());
  const LightPath at = path(x);
  const VectorXd luminosity = spectra_.apply(populations.mass(history));
  MatrixXd j(outputs(), inputs());
  const MatrixXd change =
      populations.jvp(history.replicate(1, 2 * bins()), MatrixXd::Identity(2 * bins(), 2 * bins()));
  j.leftCols(2 * bins()) = at.apply(spectra_.apply(change));
  j.rightCols<nuisances>() << at.by_a_v(luminosity),
      at.by_redshift(luminosity) + at.apply(spectra_.apply(populations.mass_by_redshift(history))),
      at.by_sigma_v(luminosity);
  return j;
}

} // namespace lookback::physics
