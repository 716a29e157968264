#include "tools/files/tng_snapshot.hpp"

#include "engine/error.hpp"
#include "tools/files/in_range.hpp"

#include <algorithm>
#include <limits>

namespace lookback::tools {
namespace {

constexpr std::int64_t block_rows = 1 << 18;
constexpr std::size_t most_chunks = 1 << 16;
constexpr int star_type = 4;
constexpr double tng_msun_g = 1.989e33; // of the 1e10 Msun in UnitMass_in_g

const char* const mass_name = "PartType4/GFM_InitialMass";
const char* const z_name = "PartType4/GFM_Metallicity";
const char* const birth_name = "PartType4/GFM_StellarFormationTime";

// Number of star particles in a chunk.
std::int64_t stars_in(const H5Reader& reader) {
  if (!reader.has("PartType4")) {
    const auto parts = reader.numbers("Header", "NumPart_ThisFile");
    require(parts.size() <= star_type || parts[star_type] == 0, "'", reader.file().string(),
            "': the Header tells of ", parts.size() > star_type ? parts[star_type] : 0,
            " star particles, but there is no group 'PartType4'; fetch the file again");
    return 0;
  }
  const Extents shape = reader.extents(mass_name);
  for (const char* name : {mass_name, z_name, birth_name})
    require(reader.extents(name) == shape && shape.size() == 1, "'", reader.file().string(),
            "': dataset '", name, "' must have one value for each of the particles of '", mass_name,
            "'");
  return shape[0];
}

} // namespace

std::string three_digits(int snapshot) {
  require(snapshot >= 0 && snapshot <= 999, "snapshot ", snapshot, ", expected 0 to 999");
  const std::string digits = std::to_string(snapshot);
  return std::string(3 - digits.size(), '0') + digits;
}

std::string tng_chunk_prefix(const std::filesystem::path& folder,
                             const std::vector<std::string>& stems) {
  for (const std::string& stem : stems) {
    const std::string prefix = (folder / stem).string() + ".";
    if (std::filesystem::exists(prefix + "0.hdf5")) return prefix;
  }
  fail("there is no file '", (folder / stems.at(0)).string(),
       ".0.hdf5'; --base is the folder that holds snapdir_NNN and groups_NNN");
}

TngStars::TngStars(const std::filesystem::path& base, int snapshot) {
  const std::string n = three_digits(snapshot);
  prefix_ = tng_chunk_prefix(base / ("snapdir_" + n), {"snap_" + n, "snapshot_" + n});
  const H5Reader first(chunk(0));
  clock_ = read_clock(first);
  mass_unit_msun_ = first.number("Header", "UnitMass_in_g") / tng_msun_g / clock_.hubble;
  const double chunks = first.number("Header", "NumFilesPerSnapshot");
  require(chunks >= 1 && chunks <= most_chunks && mass_unit_msun_ > 0, "'", chunk(0).string(),
          "': the Header has NumFilesPerSnapshot ", chunks, " and a mass unit of ", mass_unit_msun_,
          " Msun");
  for (std::size_t i = 0; i < std::size_t(chunks); ++i)
    chunk_end_.push_back(count() + stars_in(H5Reader(chunk(i))));
}

std::filesystem::path TngStars::chunk(std::size_t number) const {
  return prefix_ + std::to_string(number) + ".hdf5";
}

const StarBlock& TngStars::block_at(std::int64_t index) {
  if (index >= block_.first && index < block_.end()) return block_;
  require(index >= 0 && index < count(), "star particle ", index, " was asked of ", count());
  const auto found = std::upper_bound(chunk_end_.begin(), chunk_end_.end(), index);
  const auto number = std::size_t(found - chunk_end_.begin());
  if (!open_ || open_chunk_ != number) {
    open_.reset();
    open_.emplace(chunk(number));
    open_chunk_ = number;
  }
  const std::int64_t row = index - (number == 0 ? 0 : chunk_end_[number - 1]);
  const std::int64_t rows = std::min(block_rows, *found - index);
  block_.first = index;
  block_.mass_msun = open_->read_rows<double>(mass_name, row, rows);
  block_.z = open_->read_rows<double>(z_name, row, rows);
  block_.scale_factor = open_->read_rows<double>(birth_name, row, rows);
  check_block(*open_);
  for (double& mass : block_.mass_msun) mass *= mass_unit_msun_;
  return block_;
}

void TngStars::check_block(const H5Reader& reader) const {
  constexpr double any = std::numeric_limits<double>::max();
  require_in_range(reader.file(), mass_name, block_.mass_msun, 0, any);
  require_in_range(reader.file(), z_name, block_.z, 0, 1);
  require_in_range(reader.file(), birth_name, block_.scale_factor, -any, 1);
}

} // namespace lookback::tools
