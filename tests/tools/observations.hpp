// What the tests of observed spectra share.
#pragma once

#include "tools/files/observation.hpp"

namespace lookback::test {

inline tools::Observation read(const std::filesystem::path& file,
                               const tools::ObservationOptions& options = {}) {
  std::vector<std::string> warnings;
  return tools::read_observation(file, options, warnings);
}

// Pixels lost for a reason, -1 where there is no such reason.
inline int lost(const tools::Observation& observation, const std::string& reason) {
  for (const auto& [name, pixels] : tools::pixels_lost(observation))
    if (name == reason) return pixels;
  return -1;
}

} // namespace lookback::test
