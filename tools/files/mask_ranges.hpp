// Ranges of wavelength that a user leaves out: "LO:HI", or a text file with LO and HI on each line.
#pragma once

#include <string>
#include <utility>
#include <vector>

namespace lookback::tools {

// [Angstrom, observed frame, vacuum]. In a file, LO and HI are separated by blanks or a colon and
// comments begin with #. Errors: neither a file nor a range; a line that is no range, by its
// number; a file without ranges.
std::vector<std::pair<double, double>> mask_ranges(const std::string& range_or_file);

} // namespace lookback::tools
