// The dust emission of Draine & Li 2007 (ApJ 657, 810) as published: emissivity per hydrogen
// nucleon of dust with a mass fraction qpah in PAHs, heated by starlight of intensity umin alone
// (diffuse medium) or by a power-law distribution from umin to umax (dN/dU ~ U^-2, regions of star
// formation).
#pragma once

#include <Eigen/Core>
#include <string>
#include <vector>

namespace lookback::physics {

struct DustTable {
  Eigen::VectorXd wavelength_micron; // [W] vacuum, increasing
  Eigen::VectorXd qpah_percent;      // [Q] increasing
  Eigen::VectorXd umin;              // [U] increasing, 1 in the solar neighbourhood
  Eigen::VectorXd umax;              // [M] increasing
  std::vector<double> jnu_umin_only; // [Q, U, W] row-major, Jy cm2 / sr / H
  std::vector<double> jnu_umin_umax; // [Q, U, M, W] row-major, Jy cm2 / sr / H
  std::string source, license;
};

// Errors: an axis that is empty, not finite, not increasing or not positive, fewer than two
// wavelengths, arrays whose sizes disagree with the axes, emissivities that are negative or not
// finite.
void check(const DustTable& table);

} // namespace lookback::physics
