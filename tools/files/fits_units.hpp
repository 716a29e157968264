// Units as FITS headers write them.
#pragma once

#include "tools/files/observation.hpp"

#include <string>

namespace lookback::tools {

// The value in erg / s / cm2 / Angstrom of a unit such as "1E-17 erg/cm^2/s/Ang" or
// "10**(-19).erg.cm**(-2).s**(-1).angstrom**(-1)". Errors: any other quantity.
double erg_per_s_cm2_angstrom(const std::string& unit);

// Angstrom in "angstrom", "nm" or "um". Errors: any other unit.
double angstrom_in(const std::string& unit);

// The number that a header's text is; NaN for other text.
double number_in(const std::string& text);

// Flux and ivar in a unit [erg / s / cm2 / Angstrom] become those in the observation's.
void set_flux_unit(Observation& observation, double unit);

} // namespace lookback::tools
