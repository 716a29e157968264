#include "tools/prepare/tng.hpp"

#include "engine/error.hpp"
#include "tools/common/progress.hpp"
#include "tools/files/tng_catalogue.hpp"
#include "tools/files/tng_snapshot.hpp"

#include <algorithm>
#include <cmath>
#include <functional>

namespace lookback::tools {
namespace {

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

} // namespace

Histories make_tng_histories(const TngOptions& o, std::uint64_t seed, Log& log) {
  check(o);
  require(std::isfinite(o.min_mass_msun), "--min-mass must be finite");
  TngStars stars(o.base, o.snapshot);
  const TngCatalogue catalogue =
      read_tng_catalogue(o.base, o.snapshot, stars.mass_unit_msun(),
                         {o.mass == "stellar", !o.keep_flagged, o.offsets});
  Histories h;
  const auto order = select(catalogue, o, h);
  check_ranges(order, catalogue, stars.count());
  const BirthBins bins(equal_edges_gyr(stars.clock(), o.bins), stars.clock());
  h.bins = o.bins;
  h.bin_edges_gyr = bins.edges_gyr();
  h.source = "IllustrisTNG snapshot " + std::to_string(o.snapshot) + " of " + o.base.string();

  std::int64_t with_stars = 0, particles = 0;
  for (const std::int64_t i : order) particles += catalogue.stars[i];
  Progress progress(log, particles, "reading star particles");
  StarSums sums(bins.count());
  for (const std::int64_t i : order) {
    sums.clear();
    const std::int64_t end = catalogue.first_star[i] + catalogue.stars[i];
    for (std::int64_t begin = catalogue.first_star[i]; begin < end;) {
      const StarBlock& block = stars.block_at(begin);
      const std::int64_t stop = std::min(end, block.end());
      for (auto k = std::size_t(begin - block.first); k < std::size_t(stop - block.first); ++k)
        sums.add(block.scale_factor[k], block.mass_msun[k], block.z[k], bins);
      begin = stop;
    }
    progress.advance(catalogue.stars[i]);
    if (sums.stars < o.min_stars) continue;
    ++with_stars;
    if (append_history(h, sums, o, bins)) h.subhalo_id.push_back(i);
  }
  h.count = std::int64_t(h.subhalo_id.size());
  h.selection.emplace_back("with_min_stars", with_stars);
  h.selection.emplace_back("below_max_log_z", h.count);
  require(h.count > 0, "of ", order.size(), " subhalos ", with_stars,
          " have stars enough, and none of those is below --max-log-z ", o.max_log_z);
  hold_out(h, o.test_fraction, seed);
  return h;
}

} // namespace lookback::tools
