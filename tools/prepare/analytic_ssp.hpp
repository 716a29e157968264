// An SSP grid from closed formulas, so that the product runs on a fresh machine without a download.
// For demonstration and tests: colours, masses and the run of features with age and metallicity are
// those of real populations in kind, not in detail.
#pragma once

#include "physics/ssp_grid.hpp"

namespace lookback::tools {

// 6 metallicities from -1.7 to +0.3, 60 ages from 0.1 Myr to 14 Gyr, 90 Angstrom to 10 micron with
// 2.5 Angstrom steps from 3000 to 10000 Angstrom.
physics::SspGrid make_analytic_ssp();

} // namespace lookback::tools
