// The spectrum of a galaxy as a function of its history, with everything that does not depend on
// the history (ages, dust, distance, target wavelengths) folded once into a basis P:
//
//   flux[p] = sum_i SFR_i sum_j w_j(log Z_i) P[p, i, j],     i time bin, j metallicity node,
//
// w the two-node weights, so that a derivative needs no more than P and w. A history is one column:
// rows 0 .. bins-1 are SFR [Msun/yr], rows bins .. 2 bins-1 are log10(Z/Zsun). Bins after the epoch
// of observation contribute nothing.
#pragma once

#include "physics/age_weights.hpp"
#include "physics/forward_model.hpp"
#include "physics/light_path.hpp"
#include "physics/metallicity.hpp"
#include "physics/population_basis.hpp"
#include "physics/ssp_grid.hpp"
#include "physics/time_bins.hpp"

#include <Eigen/Core>
#include <cstdint>
#include <span>
#include <vector>

namespace lookback::physics {

class GalaxyModel : public ForwardModel {
public:
  // Fluxes are F_lambda in erg/s/cm2/Angstrom divided by flux_unit, at the observed-frame vacuum
  // wavelengths given. a_v is in magnitudes, of a Calzetti screen. At redshift 0 the galaxy is at
  // 10 pc. Errors: an invalid grid or bins, redshift < 0, a_v < 0, wavelengths not positive.
  GalaxyModel(const SspGrid& grid, const TimeBins& bins, double redshift, double a_v,
              std::span<const double> wavelength_angstrom, double flux_unit = 1.0);

  // The same for any instrument; `bands` follow the pixels, in maggies.
  GalaxyModel(const SspGrid& grid, const TimeBins& bins, const Nuisance& nuisance,
              const Instrument& instrument, AgeRule rule = AgeRule::exact);

  Eigen::Index bins() const { return observed_.count(); }
  Eigen::Index pixels() const { return basis_.pixels(); }
  double redshift() const { return nuisance_.redshift; }
  double a_v() const { return nuisance_.a_v; }
  const Nuisance& nuisance() const { return nuisance_; }
  const ObservedBins& observed_bins() const { return observed_; }

  // [pixels] 1 where the grid covers the pixel's rest wavelength; elsewhere the flux is 0, never
  // extrapolated, and the pixel must not be compared with data.
  const std::vector<std::uint8_t>& inside() const { return inside_; }

  // Histories x and changes d are [2 bins, n], spectra and cotangents u are [pixels, n].
  // Errors: rows that do not match.
  Eigen::Index inputs() const override { return 2 * bins(); }
  Eigen::Index outputs() const override { return pixels(); }
  Eigen::MatrixXd value(const Eigen::MatrixXd& x) const override;
  Eigen::MatrixXd jvp(const Eigen::MatrixXd& x, const Eigen::MatrixXd& d) const override;
  Eigen::MatrixXd vjp(const Eigen::MatrixXd& x, const Eigen::MatrixXd& u) const override;

  // [pixels, 2 bins] of one history. d/dlogZ is the right-hand derivative at a node and 0 outside
  // the metallicity range, where the flux is constant.
  Eigen::MatrixXd jacobian(const Eigen::VectorXd& x) const override;

  // The same into memory at hand, [pixels, 2 bins]: a new matrix costs as much as its contents.
  void jacobian_into(const Eigen::VectorXd& x, Eigen::Ref<Eigen::MatrixXd> j) const;

private:
  void check_histories(const Eigen::MatrixXd& x) const;
  template <class F> std::vector<NodePair> pairs(const Eigen::MatrixXd& x, F f) const;

  Nuisance nuisance_;
  ObservedBins observed_;
  Eigen::VectorXd log_z_nodes_;
  std::vector<std::uint8_t> inside_;
  PopulationBasis basis_;
};

} // namespace lookback::physics
