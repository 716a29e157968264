// What a dust screen takes from starlight comes back in the infrared (energy balance):
//
//   L_out(l) = T(l) L(l) + e(l) sum_k w_k (1 - T_k) L_k,     sum_k w_k e_k = 1,
//
// T the transmission (attenuation.hpp), w the trapezoid weights of the wavelength axis and e one of
// two emission spectra, chosen by the user:
//   - Draine & Li 2007, j = (1 - gamma) j[umin only] + gamma j[umin .. umax], bilinear in (qpah,
//     umin) on the table as published, as BAGPIPES (Carnall et al. 2018) does;
//   - a modified blackbody, e ~ l^-(5 + beta) / (exp(hc / l k T) - 1), which needs no table.
// The dust does not absorb its own emission. Normalising on the model's own axis closes the balance
// to rounding however coarse the axis is. DL07 is 0 below 1 micron, so optical spectra do not need
// it.
#pragma once

#include "physics/dust_table.hpp"
#include "physics/forward_model.hpp"

namespace lookback::physics {

struct DustMixture { // the defaults are those of FSPS
  double qpah_percent = 3.5;
  double umin = 1;
  double gamma = 0.01; // share of the dust mass heated by the power law
  double umax = 1e6;   // one of the table's
};

struct DustEmission {
  Eigen::VectorXd spectrum;   // [W] e, 1/Angstrom; empty: the dust does not shine
  Eigen::VectorXd quadrature; // [W] w, Angstrom
};

// Emission on a rest-frame wavelength axis. Errors: a parameter outside the table's range, not
// finite or negative; an axis that begins above 1000 Angstrom, where half of the absorbed energy
// would be missing, or that covers less than 99 % of the emission.
DustEmission dl07_emission(const DustTable& table, const DustMixture& mixture,
                           const Eigen::VectorXd& wavelength_angstrom);
DustEmission blackbody_emission(double temperature_k, double beta,
                                const Eigen::VectorXd& wavelength_angstrom);

// [W] j_lambda of the mixture on the table's own axis, 1/Angstrom^2 of its jnu, not normalised.
Eigen::VectorXd dl07_mixture(const DustTable& table, const DustMixture& mixture);

// The linear map L_out of L, or its derivative with respect to A_V, at one A_V.
class DustScreen : public LinearModel {
public:
  DustScreen(Eigen::VectorXd factor, Eigen::VectorXd absorbed, Eigen::VectorXd emitted)
      : factor_(std::move(factor)), absorbed_(std::move(absorbed)), emitted_(std::move(emitted)) {}

  Eigen::Index inputs() const override { return factor_.size(); }
  Eigen::Index outputs() const override { return factor_.size(); }
  Eigen::MatrixXd apply(const Eigen::MatrixXd& x) const override;
  Eigen::MatrixXd transpose(const Eigen::MatrixXd& y) const override;

private:
  // y = factor x + emitted <absorbed, x>; without emission the last two are empty.
  Eigen::VectorXd factor_, absorbed_, emitted_;
};

// curve: A(l) / A_V. Errors: an emission whose size is not that of the curve.
DustScreen dust_screen(const Eigen::VectorXd& curve, double a_v, const DustEmission& emission = {});
DustScreen dust_screen_slope(const Eigen::VectorXd& curve, double a_v,
                             const DustEmission& emission = {});

} // namespace lookback::physics
