#include "physics/calibration.hpp"

#include "engine/error.hpp"

#include <algorithm>
#include <cmath>

namespace lookback::physics {

Eigen::MatrixXd calibration_modes(std::span<const double> wavelength_angstrom, int first, int last,
                                  double sigma) {
  require(wavelength_angstrom.size() >= 2, "calibration: ", wavelength_angstrom.size(),
          " wavelengths; expected at least 2");
  require(0 <= first && first <= last, "calibration: polynomial orders ", first, " to ", last,
          "; expected 0 <= first <= last");
  require(std::isfinite(sigma) && sigma > 0, "calibration: prior dispersion ", sigma,
          "; expected a positive number");
  const auto [low, high] =
      std::minmax_element(wavelength_angstrom.begin(), wavelength_angstrom.end());
  Eigen::MatrixXd modes(static_cast<Eigen::Index>(wavelength_angstrom.size()), last - first + 1);
  for (Eigen::Index p = 0; p < modes.rows(); ++p) {
    const double l = wavelength_angstrom[static_cast<std::size_t>(p)];
    const double x = 2 * (l - *low) / (*high - *low) - 1;
    double before = 0, value = 1; // P_-1, P_0
    for (int k = 0; k <= last; ++k) {
      if (k >= first) modes(p, k - first) = sigma * value;
      const double next = ((2 * k + 1) * x * value - k * before) / (k + 1);
      before = value;
      value = next;
    }
  }
  return modes;
}

} // namespace lookback::physics
