// Transmission curves of photometric filters as text: two columns, wavelength and transmission, and
// comments that begin with #, as the SVO filter profile service and CIGALE ship them. A curve holds
// the response per photon or per unit of energy; a comment may say which with the word "photon" or
// "energy". A curve that does not say counts photons, as in FSPS, sedpy and BAGPIPES.
#pragma once

#include "physics/photometry.hpp"

#include <filesystem>
#include <optional>

namespace lookback::tools {

enum class Detector { photon, energy };

struct FilterCurveOptions {
  double angstrom_per_unit = 1;     // of the wavelength column: 10 for nm, 1e4 for micron
  std::optional<Detector> detector; // in place of what the file says
};

// The band is named after the file. Its transmission is per photon: energy-counting curves are
// divided by the wavelength. Errors: a line that is not two numbers, by its number; comments that
// speak of both photons and energy where the options do not decide; those of physics::check.
physics::Band read_filter_curve(const std::filesystem::path& file,
                                const FilterCurveOptions& options = {});

Detector detector(const std::string& name); // "photon", "energy"

} // namespace lookback::tools
