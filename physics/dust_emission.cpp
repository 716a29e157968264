#include "physics/dust_emission.hpp"

#include "engine/error.hpp"
#include "physics/attenuation.hpp"
#include "physics/resampling.hpp"
#include "physics/units.hpp"

#include <algorithm>
#include <cmath>

namespace lookback::physics {

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;

namespace {

constexpr double angstrom_per_micron = 1e4;
constexpr double bluest_needed_angstrom = 1000;
constexpr double least_covered = 0.99; // of the emission

VectorXd trapezoid_weights(const VectorXd& axis) {
  const Index n = axis.size();
  VectorXd weights = VectorXd::Zero(n);
  weights.head(n - 1) += (axis.tail(n - 1) - axis.head(n - 1)) / 2;
  weights.tail(n - 1) += (axis.tail(n - 1) - axis.head(n - 1)) / 2;
  return weights;
}

struct Between { // two neighbouring nodes and the share of the upper one
  Index lower;
  double share;
};

Between locate(double value, const VectorXd& nodes, const char* name) {
  require(value >= nodes[0] && value <= nodes[nodes.size() - 1], "dust emission: ", name, " is ",
          value, "; expected ", nodes[0], " to ", nodes[nodes.size() - 1], ", the table's range");
  const Index above = std::upper_bound(nodes.begin(), nodes.end(), value) - nodes.begin();
  const Index lower = std::clamp<Index>(above - 1, 0, std::max<Index>(0, nodes.size() - 2));
  if (nodes.size() == 1) return {0, 0};
  return {lower, (value - nodes[lower]) / (nodes[lower + 1] - nodes[lower])};
}

// `shape` samples the emission on `axis`; the model's wavelengths must see nearly all of it.
void require_covers(const VectorXd& wavelength, const VectorXd& axis, const VectorXd& shape) {
  const double blue = wavelength[0], red = wavelength[wavelength.size() - 1];
  require(blue <= bluest_needed_angstrom, "dust emission: the SSP grid begins at ", blue,
          " Angstrom; expected ", bluest_needed_angstrom,
          " or less, because dust absorbs mostly ultraviolet light: use a grid that has it");
  const VectorXd energy = shape.cwiseProduct(trapezoid_weights(axis));
  const double seen = (axis.array() >= blue && axis.array() <= red).select(energy, 0).sum();
  require(seen >= least_covered * energy.sum(), "dust emission: the SSP grid ends at ", red,
          " Angstrom and holds ", 100 * seen / energy.sum(), " % of the emission; expected ",
          100 * least_covered, " % or more: use a grid that reaches the far infrared");
}

DustEmission normalised(VectorXd spectrum, const VectorXd& wavelength) {
  VectorXd quadrature = trapezoid_weights(wavelength);
  spectrum /= spectrum.dot(quadrature);
  return {std::move(spectrum), std::move(quadrature)};
}

// Without the constants that normalisation removes.
VectorXd modified_blackbody(double temperature_k, double beta, const VectorXd& wavelength) {
  const double turnover_angstrom = units::planck_erg_s * units::speed_of_light_cm_per_s /
                                   (units::boltzmann_erg_per_k * temperature_k) /
                                   units::angstrom_cm;
  const auto x = (turnover_angstrom / wavelength.array()).eval();
  return x.pow(5 + beta) * (-x).exp() / -(-x).expm1();
}

void check_sizes(const VectorXd& curve, const DustEmission& emission) {
  require(emission.spectrum.size() == 0 || (emission.spectrum.size() == curve.size() &&
                                            emission.quadrature.size() == curve.size()),
          "dust screen: the emission has ", emission.spectrum.size(), " wavelengths; expected ",
          curve.size(), " as the attenuation curve");
}

} // namespace

VectorXd dl07_mixture(const DustTable& table, const DustMixture& mixture) {
  check(table);
  require(mixture.gamma >= 0 && mixture.gamma <= 1, "dust emission: gamma is ", mixture.gamma,
          "; expected 0 to 1, a share of the dust");
  const Index micron = table.wavelength_micron.size(), powers = table.umax.size();
  const Index umins = table.umin.size();
  const Index top =
      std::find(table.umax.begin(), table.umax.end(), mixture.umax) - table.umax.begin();
  require(top < powers, "dust emission: umax ", mixture.umax, " is not one of the table's");
  const Between q = locate(mixture.qpah_percent, table.qpah_percent, "qpah");
  const Between u = locate(mixture.umin, table.umin, "umin");

  VectorXd jnu = VectorXd::Zero(micron);
  const auto add = [&](Index iq, Index iu, double share) {
    if (share == 0) return;
    const Index at = iq * umins + iu;
    const double* only = table.jnu_umin_only.data() + at * micron;
    const double* power = table.jnu_umin_umax.data() + (at * powers + top) * micron;
    jnu += share * ((1 - mixture.gamma) * Eigen::Map<const VectorXd>(only, micron) +
                    mixture.gamma * Eigen::Map<const VectorXd>(power, micron));
  };
  add(q.lower, u.lower, (1 - q.share) * (1 - u.share));
  add(q.lower, u.lower + 1, (1 - q.share) * u.share);
  add(q.lower + 1, u.lower, q.share * (1 - u.share));
  add(q.lower + 1, u.lower + 1, q.share * u.share);
  return jnu.array() / (angstrom_per_micron * table.wavelength_micron.array()).square();
}

DustEmission dl07_emission(const DustTable& table, const DustMixture& mixture,
                           const VectorXd& wavelength_angstrom) {
  const VectorXd native = dl07_mixture(table, mixture);
  const VectorXd axis = angstrom_per_micron * table.wavelength_micron;
  require_covers(wavelength_angstrom, axis, native);
  const std::vector<double> target(wavelength_angstrom.begin(), wavelength_angstrom.end());
  return normalised(Resampler(ResamplingRule::linear, axis, target).apply(native),
                    wavelength_angstrom);
}

DustEmission blackbody_emission(double temperature_k, double beta,
                                const VectorXd& wavelength_angstrom) {
  require(std::isfinite(temperature_k) && temperature_k > 0, "dust emission: temperature ",
          temperature_k, " K; expected a positive number");
  require(std::isfinite(beta) && beta >= 0, "dust emission: emissivity index ", beta,
          "; expected a finite number, 0 or more");
  const VectorXd axis = VectorXd::LinSpaced(4001, std::log(1e3), std::log(1e9)).array().exp();
  require_covers(wavelength_angstrom, axis, modified_blackbody(temperature_k, beta, axis));
  return normalised(modified_blackbody(temperature_k, beta, wavelength_angstrom),
                    wavelength_angstrom);
}

MatrixXd DustScreen::apply(const MatrixXd& x) const {
  require(x.rows() == inputs(), "dust screen: ", x.rows(), " rows; expected ", inputs());
  MatrixXd y = factor_.asDiagonal() * x;
  if (emitted_.size() > 0)
    for (Index n = 0; n < x.cols(); ++n) y.col(n) += absorbed_.dot(x.col(n)) * emitted_;
  return y;
}

MatrixXd DustScreen::transpose(const MatrixXd& y) const {
  require(y.rows() == inputs(), "dust screen: ", y.rows(), " rows; expected ", inputs());
  MatrixXd x = factor_.asDiagonal() * y;
  if (emitted_.size() > 0)
    for (Index n = 0; n < y.cols(); ++n) x.col(n) += emitted_.dot(y.col(n)) * absorbed_;
  return x;
}

DustScreen dust_screen(const VectorXd& curve, double a_v, const DustEmission& emission) {
  check_sizes(curve, emission);
  const VectorXd factor = transmission(curve, a_v);
  if (emission.spectrum.size() == 0) return {factor, {}, {}};
  return {factor, emission.quadrature.array() * (1 - factor.array()), emission.spectrum};
}

DustScreen dust_screen_slope(const VectorXd& curve, double a_v, const DustEmission& emission) {
  check_sizes(curve, emission);
  const VectorXd slope = transmission_slope(curve, a_v);
  if (emission.spectrum.size() == 0) return {slope, {}, {}};
  return {slope, -emission.quadrature.cwiseProduct(slope), emission.spectrum};
}

} // namespace lookback::physics
