#include "tools/prepare/synthetic_tng.hpp"

#include "engine/error.hpp"
#include "engine/hdf5.hpp"
#include "engine/random.hpp"
#include "tools/files/tng_snapshot.hpp"
#include "tools/prepare/synthetic.hpp"

#include <algorithm>
#include <cmath>

namespace lookback::tools {
namespace {

constexpr int bins = 64, types = 6, star_type = 4;
constexpr double solar_z = 0.0142, unit_msun = 1e10; // and the paper's choices:
constexpr double min_mass_msun = 1e5, max_log_z = 0.5, empty_log_z = -1;
constexpr double dark_per_star = 20; // SubhaloMass over the mass of stars formed

enum class Kind { ordinary, flagged, light, empty, wind_alone, metal_rich };

// One subhalo in 13, 17 ... is of a kind that a cut removes; the first is ordinary.
Kind kind_of(std::int64_t subhalo) {
  if (subhalo % 13 == 6) return Kind::flagged;
  if (subhalo % 17 == 8) return Kind::light;
  if (subhalo % 7 == 3) return Kind::empty;
  if (subhalo % 11 == 5) return Kind::wind_alone;
  if (subhalo % 19 == 9) return Kind::metal_rich;
  return Kind::ordinary;
}

struct Particles {
  std::vector<float> mass, z, birth_a; // in the units of the snapshot
  std::int64_t count() const { return std::int64_t(mass.size()); }
};

struct Catalogue {
  std::vector<float> mass;                                            // [subhalos]
  std::vector<std::int32_t> stars, flag, group_stars, group_subhalos; // [subhalos], [groups]
  std::vector<std::int64_t> first_star;                               // [subhalos]
};

// The first float32 number at or after the early edge of a bin, the last before its late edge.
struct FloatEdges {
  explicit FloatEdges(const SimulationClock& clock) {
    const double today = clock.age_gyr(1);
    for (int i = 0; i <= bins; ++i) {
      edges_gyr.push_back(today * i / bins);
      const double exact = i < bins ? clock.scale_factor(edges_gyr.back()) : 1;
      float a = float(exact);
      if (a < exact) a = std::nextafter(a, 2.0f);
      first.push_back(i == 0 ? 1e-3f : a); // 0 itself would be wind
    }
  }
  float last(int bin) const { return bin + 1 < bins ? std::nextafter(first[bin + 1], 0.0f) : 1.0f; }
  std::vector<double> edges_gyr;
  std::vector<float> first;
};

class Generator {
public:
  Generator(const SyntheticTngOptions& o, std::uint64_t seed)
      : options_(o), seed_(seed), edges_(clock_),
        histories_(make_synthetic(o.subhalos, seed, bins)) {
    truth_.bins = bins;
    truth_.bin_edges_gyr = edges_.edges_gyr;
    truth_.source = synthetic_source;
    for (std::int64_t i = 0; i < o.subhalos; ++i) {
      add_subhalo(i);
      const bool group_ends = random(i, 0) < 0.4 || i + 1 == o.subhalos;
      if (group_ends) end_group(i);
    }
    truth_.count = std::int64_t(truth_.subhalo_id.size());
    const std::int64_t counts[] = {o.subhalos, cosmological_, heavy_, with_stars_, truth_.count};
    const char* const names[] = {"in_catalogue", "cosmological", "above_min_mass", "with_min_stars",
                                 "below_max_log_z"};
    for (int i = 0; i < 5; ++i) truth_.selection.emplace_back(names[i], counts[i]);
  }

  Particles particles;
  Catalogue catalogue;
  const Histories& truth() const { return truth_; }
  const SimulationClock& clock() const { return clock_; }

private:
  double random(std::int64_t subhalo, std::uint64_t element) const {
    return Stream{seed_, Purpose::synthetic_history, std::uint32_t(subhalo), 1u << 31}.uniform(
        element);
  }
  void add_particle(double mass_msun, double z, float birth_a) {
    particles.mass.push_back(float(mass_msun * clock_.hubble / unit_msun));
    particles.z.push_back(float(z));
    particles.birth_a.push_back(birth_a);
  }
  void add_wind(std::int64_t i, std::uint64_t element) {
    add_particle(8e4, 0.01, random(i, element) < 0.5 ? 0.0f : -0.7f);
  }

  // The stars of a bin; sums into `mass` and `metals`.
  void add_bin(std::int64_t i, int bin, double formed_msun, double z, double& mass,
               double& metals) {
    const auto n =
        std::int64_t(std::clamp(formed_msun / 8.5e4, 1.0, double(options_.particles_per_bin)));
    for (std::int64_t k = 0; k < n; ++k) {
      const std::uint64_t element = (std::uint64_t(bin) << 20 | std::uint64_t(k)) * 4 + 4;
      const double share = formed_msun / double(n) * (0.5 + random(i, element));
      const double metal = z * (0.6 + 0.4 * random(i, element + 1));
      const double inside = random(i, element + 2);
      const float low = edges_.first[bin], high = edges_.last(bin);
      const float birth = k == 0   ? low
                          : k == 1 ? high
                                   : std::clamp(low + float(inside) * (high - low), low, high);
      add_particle(share, metal, birth);
      mass += share;
      metals += share * metal;
      if (random(i, element + 3) < 0.05) add_wind(i, element + 3);
    }
  }

  void add_subhalo(std::int64_t i) {
    const Kind kind = kind_of(i);
    const std::int64_t first = particles.count();
    std::vector<float> sfr, log_z;
    double formed = 0;
    const double width_yr = edges_.edges_gyr[1] * 1e9;
    for (int bin = 0; bin < bins; ++bin) {
      double mass = 0, metals = 0;
      const double rate = histories_.sfr_msun_per_yr[i * bins + bin];
      double z = solar_z * std::pow(10, double(histories_.log_z_zsun[i * bins + bin]));
      if (kind == Kind::metal_rich) z = 8 * solar_z; // at least 0.6 of it: 0.68 dex
      const bool stars = kind != Kind::empty && kind != Kind::wind_alone;
      if (rate > 0 && stars) add_bin(i, bin, rate * width_yr, z, mass, metals);
      sfr.push_back(float(mass / width_yr));
      log_z.push_back(float(mass > 0 ? std::log10(metals / mass / solar_z) : empty_log_z));
      formed += mass;
    }
    if (kind == Kind::wind_alone)
      for (std::uint64_t k = 0; k < 3; ++k) add_wind(i, k + 1);
    const bool light = kind == Kind::light;
    const double total = light ? min_mass_msun / 2 : dark_per_star * formed + 10 * min_mass_msun;
    catalogue.mass.push_back(float(total * clock_.hubble / unit_msun));
    catalogue.stars.push_back(std::int32_t(particles.count() - first));
    catalogue.flag.push_back(kind != Kind::flagged);
    catalogue.first_star.push_back(first);
    if (kind == Kind::flagged) return;
    ++cosmological_;
    if (light) return;
    ++heavy_;
    if (formed == 0) return;
    ++with_stars_;
    if (*std::max_element(log_z.begin(), log_z.end()) > max_log_z) return;
    truth_.subhalo_id.push_back(i);
    truth_.mass_formed_msun.push_back(float(formed));
    truth_.sfr_msun_per_yr.insert(truth_.sfr_msun_per_yr.end(), sfr.begin(), sfr.end());
    truth_.log_z_zsun.insert(truth_.log_z_zsun.end(), log_z.begin(), log_z.end());
  }

  // Stars of no subhalo, then the group's numbers.
  void end_group(std::int64_t last_subhalo) {
    const auto loose = std::int64_t(10 * random(last_subhalo, 1));
    for (std::int64_t k = 0; k < loose; ++k) add_particle(8e4, 0.02, 0.5f);
    catalogue.group_stars.push_back(std::int32_t(particles.count() - group_first_));
    catalogue.group_subhalos.push_back(std::int32_t(last_subhalo + 1 - group_first_subhalo_));
    group_first_ = particles.count();
    group_first_subhalo_ = last_subhalo + 1;
  }

  SyntheticTngOptions options_;
  std::uint64_t seed_;
  SimulationClock clock_;
  FloatEdges edges_;
  Histories histories_, truth_;
  std::int64_t group_first_ = 0, group_first_subhalo_ = 0;
  std::int64_t cosmological_ = 0, heavy_ = 0, with_stars_ = 0;
};

// [chunks + 1] borders of `count` rows, anywhere; about one chunk in four is empty, and of three or
// more the second.
std::vector<std::int64_t> borders(std::int64_t count, const SyntheticTngOptions& o,
                                  std::uint64_t seed, std::uint32_t table) {
  const Stream stream{seed, Purpose::shuffle, table, std::uint32_t(o.chunks), o.chunking};
  std::vector<std::int64_t> cuts{0, count};
  for (int i = 0; i + 1 < o.chunks; ++i)
    cuts.push_back(std::int64_t(stream.uniform(std::uint64_t(i)) * double(count)));
  std::sort(cuts.begin(), cuts.end());
  for (int i = 2; i < o.chunks; ++i)
    if (i == 2 || stream.uniform(std::uint64_t(o.chunks + i)) < 0.25) cuts[i] = cuts[i - 1];
  return cuts;
}

template <class T>
std::span<const T> part(const std::vector<T>& all, const std::vector<std::int64_t>& cuts, int i) {
  return std::span(all).subspan(std::size_t(cuts[i]), std::size_t(cuts[i + 1] - cuts[i]));
}

void write_header(H5Writer& writer, const SimulationClock& clock) {
  writer.attribute("Header", "HubbleParam", clock.hubble);
  writer.attribute("Header", "Omega0", clock.omega_matter);
  writer.attribute("Header", "OmegaLambda", 1 - clock.omega_matter);
  writer.attribute("Header", "Time", 1.0);
  writer.attribute("Header", "Redshift", 0.0);
}

void write_snapshot_chunk(const std::filesystem::path& file, const Generator& g,
                          const std::vector<std::int64_t>& cuts, int i, bool overwrite) {
  H5Writer writer(file, overwrite);
  const std::int64_t rows = cuts[i + 1] - cuts[i];
  const std::vector<std::int64_t> here{0, 0, 0, 0, rows, 0}, total{0, 0, 0, 0, cuts.back(), 0};
  write_header(writer, g.clock());
  writer.attribute("Header", "UnitMass_in_g", 1.989e43);
  writer.attribute("Header", "UnitLength_in_cm", 3.085678e21);
  writer.attribute("Header", "NumFilesPerSnapshot", std::int64_t(cuts.size()) - 1);
  writer.attribute("Header", "NumPart_ThisFile", here);
  writer.attribute("Header", "NumPart_Total", total);
  if (rows > 0) {
    writer.write("PartType4/GFM_InitialMass", {rows}, part(g.particles.mass, cuts, i));
    writer.write("PartType4/GFM_Metallicity", {rows}, part(g.particles.z, cuts, i));
    writer.write("PartType4/GFM_StellarFormationTime", {rows}, part(g.particles.birth_a, cuts, i));
  }
  writer.commit();
}

// A table [rows, 6] with `values` in the column of the stars.
template <class T> std::vector<T> six_types(std::span<const T> values) {
  std::vector<T> table(values.size() * types, T(0));
  for (std::size_t i = 0; i < values.size(); ++i) table[i * types + star_type] = values[i];
  return table;
}

void write_catalogue_chunk(const std::filesystem::path& file, const Generator& g,
                           const std::vector<std::int64_t>& subhalo_cuts,
                           const std::vector<std::int64_t>& group_cuts, int i, bool overwrite) {
  H5Writer writer(file, overwrite);
  const std::int64_t subhalos = subhalo_cuts[i + 1] - subhalo_cuts[i];
  const std::int64_t groups = group_cuts[i + 1] - group_cuts[i];
  write_header(writer, g.clock());
  writer.attribute("Header", "NumFiles", std::int64_t(subhalo_cuts.size()) - 1);
  writer.attribute("Header", "Ngroups_ThisFile", groups);
  writer.attribute("Header", "Ngroups_Total", group_cuts.back());
  writer.attribute("Header", "Nsubgroups_ThisFile", subhalos);
  writer.attribute("Header", "Nsubgroups_Total", subhalo_cuts.back());
  const auto write_types = [&](const std::string& name, std::span<const std::int32_t> column) {
    const auto table = six_types(column);
    writer.write<std::int32_t>(name, {std::int64_t(column.size()), types}, table);
  };
  if (subhalos > 0) {
    const auto mass = part(g.catalogue.mass, subhalo_cuts, i);
    writer.write("Subhalo/SubhaloMass", {subhalos}, mass);
    writer.write("Subhalo/SubhaloFlag", {subhalos}, part(g.catalogue.flag, subhalo_cuts, i));
    writer.write<float>("Subhalo/SubhaloMassType", {subhalos, types}, six_types(mass));
    write_types("Subhalo/SubhaloLenType", part(g.catalogue.stars, subhalo_cuts, i));
  }
  if (groups > 0) {
    write_types("Group/GroupLenType", part(g.catalogue.group_stars, group_cuts, i));
    writer.write("Group/GroupNsubs", {groups}, part(g.catalogue.group_subhalos, group_cuts, i));
  }
  writer.commit();
}

} // namespace

Histories write_synthetic_tng(const SyntheticTngOptions& o, std::uint64_t seed) {
  require(o.subhalos > 0 && o.chunks > 0 && o.particles_per_bin > 0,
          "--subhalos, --chunks and --particles-per-bin must be positive");
  require(o.chunks <= 10000 && o.particles_per_bin < 1 << 20,
          "at most 10000 chunks and 2^20 particles in a bin");
  const Generator g(o, seed);
  const auto snapshots = o.folder / "output" / "snapdir_099";
  const auto groups = o.folder / "output" / "groups_099";
  const auto offsets = o.folder / "postprocessing" / "offsets";
  for (const auto& folder : {snapshots, groups, offsets}) {
    std::error_code error;
    std::filesystem::create_directories(folder, error);
    require(!error, "cannot make the folder '", folder.string(), "': ", error.message());
  }
  const auto star_cuts = borders(g.particles.count(), o, seed, 0);
  const auto subhalo_cuts = borders(o.subhalos, o, seed, 1);
  const auto group_cuts = borders(std::int64_t(g.catalogue.group_stars.size()), o, seed, 2);
  for (int i = 0; i < o.chunks; ++i) {
    const std::string end = "_099." + std::to_string(i) + ".hdf5";
    write_snapshot_chunk(snapshots / ("snap" + end), g, star_cuts, i, o.overwrite);
    write_catalogue_chunk(groups / ("fof_subhalo_tab" + end), g, subhalo_cuts, group_cuts, i,
                          o.overwrite);
  }
  H5Writer writer(offsets / "offsets_099.hdf5", o.overwrite);
  writer.write<std::int64_t>("Subhalo/SnapByType", {o.subhalos, types},
                             six_types<std::int64_t>(g.catalogue.first_star));
  writer.commit();
  return g.truth();
}

} // namespace lookback::tools
