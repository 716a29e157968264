// Photometry of a galaxy as text, one band a line, comments that begin with #:
//
//   # filter        value    error    unit
//   filters/r.dat   16.52    0.02     AB
//   w1.dat          3.1e-7   2e-9     maggies
//
// The first word is a transmission curve (filter_curve.hpp), relative to the table's own folder;
// the band carries its name. Magnitudes become maggies, 10^(-0.4 m), and their errors to first
// order, maggies ln(10) / 2.5 times the error.
#pragma once

#include "physics/photometry.hpp"

#include <filesystem>
#include <vector>

namespace lookback::tools {

struct BandFlux {
  physics::Band band;
  double maggies, error; // one standard deviation, maggies
};

// Errors: a line that is not a filter, two numbers and a unit, by its number; an error that is not
// positive; a unit that is neither AB nor maggies; a band that comes twice; no band; those of
// read_filter_curve.
std::vector<BandFlux> read_photometry(const std::filesystem::path& file);

} // namespace lookback::tools
