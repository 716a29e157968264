// Tables of the mass that a stellar population of 1 Msun keeps, as Maraston (2005) publishes them
// and FIREFLY ships them (massloss_kroupa.txt, massloss_salpeter.txt): columns [Z/H], age in Gyr,
// the mass in stars and remnants, in stars, in white dwarfs, in neutron stars, in black holes
// (all in Msun), and the turn-off mass.
#pragma once

#include "physics/surviving_mass.hpp"

#include <filesystem>

namespace lookback::tools {

// The third column: stars and remnants. [Z/H] is relative to Zsun = 0.02 (Maraston 2005, table 1:
// [Z/H] = 0 is Z = 0.02). Errors: those of read_text_table and physics::surviving_mass_table.
physics::SurvivingMassTable read_mass_loss_table(const std::filesystem::path& file);

} // namespace lookback::tools
