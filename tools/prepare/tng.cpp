#include "tools/prepare/tng.hpp"

#include "engine/error.hpp"
#include "engine/random.hpp"
#include "tools/common/progress.hpp"
#include "tools/files/tng_catalogue.hpp"
#include "tools/files/tng_snapshot.hpp"

#include <algorithm>
#include <cmath>
#include <functional>

namespace lookback::tools {
namespace {

constexpr double solar_z = 0.0142; // Asplund et al. 2009, the protosolar value: contracts' Zsun
constexpr double least_z = 1e-10;  // keeps the logarithm of a bin without metals finite

// Equal bins of the time of the simulation, and the same edges as scale factors.
struct BirthBins {
  BirthBins(const TngCosmology& cosmology, int bins) {
    const double today = cosmology.age_gyr(1);
    for (int i = 0; i <= bins; ++i) {
      edges_gyr.push_back(today * i / bins);
      edges_a.push_back(i < bins ? cosmology.scale_factor(edges_gyr.back()) : 1);
    }
  }
  std::size_t count() const { return edges_a.size() - 1; }
  double width_yr() const { return edges_gyr[1] * 1e9; }
  std::size_t bin_of(double a) const { // 0 < a <= 1
    const auto after = std::upper_bound(edges_a.begin(), edges_a.end() - 1, a);
    return std::size_t(after - edges_a.begin()) - 1;
  }

  std::vector<double> edges_gyr, edges_a;
};

// The stars of one subhalo, by bin.
struct Sums {
  explicit Sums(std::size_t bins) : mass(bins), metals(bins) {}

  void clear() {
    std::fill(mass.begin(), mass.end(), 0.0);
    std::fill(metals.begin(), metals.end(), 0.0);
    stars = 0;
  }
  void add(const StarBlock& block, std::int64_t begin, std::int64_t end, const BirthBins& bins) {
    for (auto i = std::size_t(begin - block.first); i < std::size_t(end - block.first); ++i) {
      if (block.scale_factor[i] <= 0) continue; // wind
      const std::size_t bin = bins.bin_of(block.scale_factor[i]);
      mass[bin] += block.mass_msun[i];
      metals[bin] += block.mass_msun[i] * block.z[i];
      ++stars;
    }
  }

  std::vector<double> mass, metals;
  std::int64_t stars = 0;
};

// Numbers of the subhalos in `kept` that pass; the count is kept under `name`.
void cut(std::vector<std::int64_t>& kept, Histories& h, const std::string& name,
         const std::function<bool(std::int64_t)>& passes) {
  std::erase_if(kept, [&](std::int64_t i) { return !passes(i); });
  h.selection.emplace_back(name, std::int64_t(kept.size()));
  require(!kept.empty(), "no subhalo is left by the cut '", name, "' of ",
          h.selection.size() > 1 ? h.selection[h.selection.size() - 2].second : 0);
}

void check_ranges(const std::vector<std::int64_t>& order, const TngCatalogue& catalogue,
                  std::int64_t stars) {
  std::int64_t previous_end = 0;
  for (const std::int64_t i : order) {
    const std::int64_t first = catalogue.first_star[i], count = catalogue.stars[i];
    require(first >= 0 && count <= stars && first <= stars - count, "subhalo ", i, " has ", count,
            " star particles from ", first, " on, but the snapshot has ", stars,
            "; snapshot, group catalogue and offsets must be of one run and complete");
    require(first >= previous_end, "subhalo ", i, " begins at star particle ", first,
            ", which belongs to another; check the offsets");
    previous_end = first + count;
  }
}

// Appends the history; gives false where a bin is too metal-rich.
bool append(Histories& h, const Sums& sums, const TngOptions& o, const BirthBins& bins) {
  const std::size_t begin = h.log_z_zsun.size();
  double formed = 0;
  for (std::size_t bin = 0; bin < bins.count(); ++bin) {
    const double mass = sums.mass[bin];
    const double z = mass > 0 ? std::max(sums.metals[bin] / mass, least_z) : 0;
    const double log_z = mass > 0 ? std::log10(z / solar_z) : o.empty_log_z;
    if (mass > 0 && log_z > o.max_log_z) {
      h.log_z_zsun.resize(begin);
      h.sfr_msun_per_yr.resize(begin);
      return false;
    }
    h.sfr_msun_per_yr.push_back(float(mass / bins.width_yr()));
    h.log_z_zsun.push_back(float(log_z));
    formed += mass;
  }
  h.mass_formed_msun.push_back(float(formed));
  return true;
}

void check_options(const TngOptions& o) {
  require(o.bins > 0 && o.bins <= 4096, "--bins ", o.bins, ", expected 1 to 4096");
  require(o.test_fraction >= 0 && o.test_fraction < 1, "--test-fraction ", o.test_fraction,
          ", expected 0 to less than 1");
  require(o.min_stars >= 1, "--min-stars ", o.min_stars, ", expected 1 or more");
  require(std::isfinite(o.min_mass_msun) && std::isfinite(o.max_log_z) &&
              std::isfinite(o.empty_log_z),
          "--min-mass, --max-log-z and --empty-log-z must be finite");
}

// The subhalos to read, in the order of their stars.
std::vector<std::int64_t> select(const TngCatalogue& catalogue, const TngOptions& o, Histories& h) {
  std::vector<std::int64_t> kept(std::size_t(catalogue.count()));
  for (std::int64_t i = 0; i < catalogue.count(); ++i) kept[std::size_t(i)] = i;
  cut(kept, h, "in_catalogue", [](std::int64_t) { return true; });
  if (!o.keep_flagged)
    cut(kept, h, "cosmological", [&](std::int64_t i) { return catalogue.cosmological[i] != 0; });
  cut(kept, h, "above_min_mass",
      [&](std::int64_t i) { return catalogue.mass_msun[i] > o.min_mass_msun; });
  std::erase_if(kept, [&](std::int64_t i) { return catalogue.stars[i] < o.min_stars; });
  std::stable_sort(kept.begin(), kept.end(), [&](std::int64_t a, std::int64_t b) {
    return catalogue.first_star[a] < catalogue.first_star[b];
  });
  return kept;
}

void split(Histories& h, double test_fraction, std::uint64_t seed) {
  const Stream stream{seed, Purpose::split};
  std::vector<std::pair<std::uint32_t, std::int64_t>> lots;
  for (std::int64_t i = 0; i < h.count; ++i)
    lots.emplace_back(stream.word(std::uint64_t(h.subhalo_id[i])), i);
  std::sort(lots.begin(), lots.end());
  h.is_test.assign(std::size_t(h.count), 0);
  const std::int64_t held_out = std::llround(test_fraction * double(h.count));
  for (std::int64_t i = 0; i < held_out; ++i) h.is_test[lots[i].second] = 1;
}

} // namespace

Histories make_tng_histories(const TngOptions& o, std::uint64_t seed, Log& log) {
  check_options(o);
  TngStars stars(o.base, o.snapshot);
  const TngCatalogue catalogue =
      read_tng_catalogue(o.base, o.snapshot, stars.mass_unit_msun(),
                         {o.mass == "stellar", !o.keep_flagged, o.offsets});
  Histories h;
  const auto order = select(catalogue, o, h);
  check_ranges(order, catalogue, stars.count());
  const BirthBins bins(stars.cosmology(), o.bins);
  h.bins = o.bins;
  h.bin_edges_gyr = bins.edges_gyr;
  h.source = "IllustrisTNG snapshot " + std::to_string(o.snapshot) + " of " + o.base.string();

  std::int64_t with_stars = 0, particles = 0;
  for (const std::int64_t i : order) particles += catalogue.stars[i];
  Progress progress(log, particles, "reading star particles");
  Sums sums(bins.count());
  for (const std::int64_t i : order) {
    sums.clear();
    const std::int64_t end = catalogue.first_star[i] + catalogue.stars[i];
    for (std::int64_t begin = catalogue.first_star[i]; begin < end;) {
      const StarBlock& block = stars.block_at(begin);
      const std::int64_t stop = std::min(end, block.end());
      sums.add(block, begin, stop, bins);
      begin = stop;
    }
    progress.advance(catalogue.stars[i]);
    if (sums.stars < o.min_stars) continue;
    ++with_stars;
    if (append(h, sums, o, bins)) h.subhalo_id.push_back(i);
  }
  h.count = std::int64_t(h.subhalo_id.size());
  h.selection.emplace_back("with_min_stars", with_stars);
  h.selection.emplace_back("below_max_log_z", h.count);
  require(h.count > 0, "of ", order.size(), " subhalos ", with_stars,
          " have stars enough, and none of those is below --max-log-z ", o.max_log_z);
  split(h, o.test_fraction, seed);
  return h;
}

} // namespace lookback::tools
