// What a long job has done when it is interrupted, in a file beside its output that appears whole
// or not at all, so that the job goes on from there.
#pragma once

#include "tools/files/histories.hpp"

#include <cstdint>
#include <filesystem>
#include <string>

namespace lookback::tools {

struct PartialHistories {
  std::int64_t subhalos = 0;   // done, of those to read, in their order
  std::int64_t with_stars = 0; // of these
  Histories histories;         // of these: rates, metallicities, subhalo_id, mass_formed_msun
};

// `job` identifies options and inputs.
void write_partial(const std::filesystem::path& file, const std::string& job,
                   const PartialHistories& done);

// Fills `done`, whose histories know their bins; false where there is no such file. Errors: those
// of H5Reader; a file of another job; numbers that contradict each other.
bool read_partial(const std::filesystem::path& file, const std::string& job,
                  PartialHistories& done);

} // namespace lookback::tools
