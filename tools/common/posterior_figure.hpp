// The figure of a samples file: star-formation and metallicity histories, and for a posterior the
// spectrum with its model and the residuals. Bands are quantiles of the draws in each bin or pixel.
#pragma once

#include "tools/files/samples.hpp"

#include <string>

namespace lookback::tools {

struct FigureOptions {
  int curves = 12; // single draws shown
};

// An SVG document.
std::string posterior_figure(const Samples& samples, const FigureOptions& options = {});

// chi^2 per used pixel of the median model spectrum; NaN without an observation.
double reduced_chi2_of_median(const Samples& samples);

} // namespace lookback::tools
