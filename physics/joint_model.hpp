// The spectrum as a function of a history and of the parameters that are known only roughly, for
// posteriors that sample them too. A column of inputs is
//
//   rows 0 .. 2 bins-1   the history, as in galaxy_model.hpp
//   then                 A_V [mag], redshift, sigma_v [km/s].
//
// The mass at each SSP node (metallicity j, age a), m = sum_i c[j, i] M(z)[a, i], takes in the
// history; the SSP grid turns it into luminosity; the light path (light_path.hpp) does the rest.
// With fixed nuisances this is GalaxyModel, which is faster.
//
// Redshift acts three times: on the light path, on the distance, and on the ages, because t_obs
// falls as z grows. An SFR stays the mean rate over the part of its bin before t_obs, so the mass
// of the bin that straddles t_obs changes with z. The spectrum is continuous in z and smooth except
// where t_obs meets an edge of a bin; the derivative there is that towards higher t_obs.
#pragma once

#include "physics/basis.hpp"
#include "physics/light_path.hpp"
#include "physics/ssp_grid.hpp"
#include "physics/time_bins.hpp"

namespace lookback::physics {

class JointModel : public ForwardModel {
public:
  static constexpr Eigen::Index nuisances = 3;

  // Errors: an invalid grid or bins; while evaluating, those of LightPath and redshifts that are
  // not above 0.
  JointModel(const SspGrid& grid, TimeBins bins, Instrument instrument);

  Eigen::Index bins() const { return bins_.count(); }
  Eigen::Index inputs() const override { return 2 * bins() + nuisances; }
  Eigen::Index outputs() const override;

  Eigen::MatrixXd value(const Eigen::MatrixXd& x) const override;
  Eigen::MatrixXd jvp(const Eigen::MatrixXd& x, const Eigen::MatrixXd& d) const override;
  Eigen::MatrixXd vjp(const Eigen::MatrixXd& x, const Eigen::MatrixXd& u) const override;
  Eigen::MatrixXd jacobian(const Eigen::VectorXd& x) const override;

  // [pixels + bands] for this column of inputs: 1 where the grid covers the pixel.
  std::vector<std::uint8_t> inside(const Eigen::VectorXd& x) const;

private:
  Nuisance nuisance(const Eigen::VectorXd& x) const;
  LightPath path(const Eigen::VectorXd& x) const;
  void check_inputs(const Eigen::MatrixXd& x) const;

  Eigen::VectorXd wavelength_, age_nodes_, log_z_nodes_;
  double lsun_erg_per_s_;
  TimeBins bins_;
  Instrument instrument_;
  Basis spectra_; // [W, metallicities * ages], the age running fastest
};

} // namespace lookback::physics
