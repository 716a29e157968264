// The figure of a comparison: draws (bands and lines) over held-out histories (black).
#pragma once

#include "tools/quality/prior_comparison.hpp"

namespace lookback::tools {

// An SVG document of six panels: quantiles of SFR and log Z by bin, the mass function, the quenched
// share, the burst spectrum and correlations by lag.
std::string prior_figure(const PriorComparison& comparison);

} // namespace lookback::tools
