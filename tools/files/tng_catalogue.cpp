#include "tools/files/tng_catalogue.hpp"

#include "engine/error.hpp"
#include "engine/hdf5.hpp"
#include "tools/files/tng_snapshot.hpp"

#include <algorithm>

namespace lookback::tools {
namespace {

constexpr std::int64_t types = 6, star_type = 4;

struct Groups {
  std::vector<std::int64_t> stars, subhalos; // [groups]
};

// Column `star_type` of a table [rows, 6].
template <class T>
std::vector<T> star_column(const H5Reader& reader, const std::string& name, std::int64_t rows) {
  const auto table = reader.read<T>(name, {rows, types});
  std::vector<T> column(static_cast<std::size_t>(rows));
  for (std::int64_t i = 0; i < rows; ++i) column[i] = table[i * types + star_type];
  return column;
}

template <class T> void append(std::vector<T>& all, const std::vector<T>& more) {
  all.insert(all.end(), more.begin(), more.end());
}

// Rows of a table of the chunk. Empty chunks have no datasets, and their headers say so under one
// of these names.
std::int64_t rows_of(const H5Reader& reader, const std::string& dataset,
                     const std::vector<std::string>& counts) {
  if (reader.has(dataset)) {
    const Extents shape = reader.extents(dataset);
    return shape.empty() ? -1 : shape[0]; // a scalar is refused as the wrong shape when read
  }
  for (const std::string& name : counts)
    if (reader.has_attribute("Header", name) && reader.number("Header", name) == 0) return 0;
  fail("'", reader.file().string(), "': there is no dataset '", dataset, "'");
}

void check_counts(const H5Reader& reader, const std::string& name,
                  const std::vector<std::int64_t>& counts) {
  constexpr std::int64_t most = std::int64_t(1) << 40; // sums of 2^22 of them still fit
  for (const auto n : counts)
    require(n >= 0 && n < most, "'", reader.file().string(), "': dataset '", name, "' holds ", n,
            ", expected a number of particles or subhalos");
}

void read_subhalos(const H5Reader& reader, double mass_unit_msun,
                   const TngCatalogueOptions& options, TngCatalogue& catalogue) {
  const std::string lengths = "Subhalo/SubhaloLenType", flags = "Subhalo/SubhaloFlag";
  const auto rows = rows_of(reader, lengths, {"Nsubgroups_ThisFile", "Nsubhalos_ThisFile"});
  if (rows == 0) return;
  const auto stars = star_column<std::int64_t>(reader, lengths, rows);
  check_counts(reader, lengths, stars);
  append(catalogue.stars, stars);
  auto mass = options.stellar_mass ? star_column<double>(reader, "Subhalo/SubhaloMassType", rows)
                                   : reader.read<double>("Subhalo/SubhaloMass", {rows});
  for (double& m : mass) m *= mass_unit_msun;
  append(catalogue.mass_msun, mass);
  if (!options.flag) return;
  require(reader.has(flags), "'", reader.file().string(), "': there is no dataset '", flags,
          "'; --keep-flagged does without");
  append(catalogue.cosmological, reader.read<std::uint8_t>(flags, {rows}));
}

void read_groups(const H5Reader& reader, Groups& groups) {
  const std::string lengths = "Group/GroupLenType", subhalos = "Group/GroupNsubs";
  const auto rows = rows_of(reader, lengths, {"Ngroups_ThisFile"});
  if (rows == 0) return;
  append(groups.stars, star_column<std::int64_t>(reader, lengths, rows));
  append(groups.subhalos, reader.read<std::int64_t>(subhalos, {rows}));
  check_counts(reader, lengths, groups.stars);
  check_counts(reader, subhalos, groups.subhalos);
}

std::vector<std::int64_t> first_stars(const std::filesystem::path& offsets, std::int64_t count) {
  constexpr std::int64_t block_rows = 1 << 18;
  const H5Reader reader(offsets);
  const std::string name = "Subhalo/SnapByType";
  const Extents shape = reader.extents(name);
  require(shape == Extents{count, types}, "'", offsets.string(), "': dataset '", name,
          "' is not that of a catalogue with ", count, " subhalos, expected the shape [", count,
          ", ", types, "]");
  std::vector<std::int64_t> first;
  for (std::int64_t row = 0; row < count; row += block_rows) {
    const auto rows = std::min(block_rows, count - row);
    const auto table = reader.read_rows<std::int64_t>(name, row, rows);
    for (std::int64_t i = 0; i < rows; ++i) first.push_back(table[i * types + star_type]);
  }
  return first;
}

std::vector<std::int64_t> first_stars(const Groups& groups, const TngCatalogue& catalogue,
                                      const std::string& prefix) {
  std::vector<std::int64_t> first;
  std::int64_t group_begin = 0, subhalo = 0;
  for (std::size_t g = 0; g < groups.stars.size(); ++g) {
    const std::int64_t left = catalogue.count() - subhalo;
    require(groups.subhalos[g] <= left, "'", prefix, "*': group ", g, " has ", groups.subhalos[g],
            " subhalos, but only ", left, " are left of the catalogue");
    std::int64_t next = group_begin;
    group_begin += groups.stars[g];
    for (const auto end = subhalo + groups.subhalos[g]; subhalo < end; ++subhalo) {
      first.push_back(next);
      next += catalogue.stars[subhalo];
    }
    require(next <= group_begin, "'", prefix, "*': the subhalos of group ", g,
            " have more star particles than the group");
  }
  require(subhalo == catalogue.count(), "'", prefix, "*': the groups have ", subhalo,
          " subhalos, the catalogue has ", catalogue.count());
  return first;
}

} // namespace

TngCatalogue read_tng_catalogue(const std::filesystem::path& base, int snapshot,
                                double mass_unit_msun, const TngCatalogueOptions& options) {
  const std::string n = three_digits(snapshot);
  const std::string prefix =
      tng_chunk_prefix(base / ("groups_" + n), {"fof_subhalo_tab_" + n, "groups_" + n});
  auto offsets = options.offsets;
  const auto usual = base / ".." / "postprocessing" / "offsets" / ("offsets_" + n + ".hdf5");
  if (offsets.empty() && std::filesystem::exists(usual)) offsets = usual;

  TngCatalogue catalogue;
  Groups groups;
  double chunks = 1;
  for (int i = 0; i < chunks; ++i) {
    const H5Reader reader(prefix + std::to_string(i) + ".hdf5");
    if (i == 0) chunks = reader.number("Header", "NumFiles");
    read_subhalos(reader, mass_unit_msun, options, catalogue);
    if (offsets.empty()) read_groups(reader, groups);
  }
  catalogue.first_star = offsets.empty() ? first_stars(groups, catalogue, prefix)
                                         : first_stars(offsets, catalogue.count());
  return catalogue;
}

} // namespace lookback::tools
