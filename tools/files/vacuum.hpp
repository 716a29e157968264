// Wavelengths in standard air as vacuum wavelengths.
#pragma once

namespace lookback::tools {

// Refraction of Ciddor 1996 (Applied Optics 35, 1566, eq. 1), a function of the vacuum wavelength,
// inverted by two iterations. By convention wavelengths up to 2000 Angstrom are vacuum already.
double vacuum_from_air(double air_angstrom);

} // namespace lookback::tools
