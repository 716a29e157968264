// Synthetic star-formation and metallicity histories, for trying everything without a simulation.
#pragma once

#include "tools/files/histories.hpp"

#include <cstdint>

namespace lookback::tools {

// What they are and whose recipes they follow; kept as the attribute `source` of the file.
extern const char* const synthetic_source;

// `count` histories on `bins` equal bins from the big bang to today, with mass_formed_msun. History
// i depends on (seed, i, bins) alone. An empty bin has rate 0 and log Z the floor of -1; none has a
// metallicity above +0.5. Errors: count or bins not positive.
Histories make_synthetic(std::int64_t count, std::uint64_t seed, int bins = 64);

} // namespace lookback::tools
