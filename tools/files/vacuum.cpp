#include "tools/files/vacuum.hpp"

namespace lookback::tools {

double vacuum_from_air(double air_angstrom) {
  if (air_angstrom <= 2000) return air_angstrom;
  double vacuum = air_angstrom;
  for (int iteration = 0; iteration < 2; ++iteration) {
    const double s2 = 1e8 / (vacuum * vacuum); // wavenumber squared, 1/micron^2
    vacuum = air_angstrom * (1 + 0.05792105 / (238.0185 - s2) + 0.00167917 / (57.362 - s2));
  }
  return vacuum;
}

} // namespace lookback::tools
