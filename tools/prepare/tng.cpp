#include "tools/prepare/tng.hpp"

#include "engine/error.hpp"
#include "tools/common/progress.hpp"
#include "tools/files/sha256.hpp"
#include "tools/files/tng_catalogue.hpp"
#include "tools/files/tng_snapshot.hpp"
#include "tools/prepare/partial_histories.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <functional>
#include <limits>
#include <sstream>

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

// What the histories depend on.
std::string job_of(const TngOptions& o, const TngStars& stars, const TngCatalogue& catalogue,
                   const std::vector<std::int64_t>& order) {
  std::ostringstream job;
  job.precision(std::numeric_limits<double>::max_digits10);
  for (const double number :
       {double(o.bins), o.max_log_z, o.empty_log_z, double(o.min_stars), stars.mass_unit_msun(),
        stars.clock().hubble, stars.clock().omega_matter, double(stars.count())})
    job << number << ' ';
  job << std::filesystem::absolute(o.base).lexically_normal().string() << ' ' << o.snapshot;
  for (const std::int64_t i : order)
    job << ' ' << i << ' ' << catalogue.first_star[i] << ' ' << catalogue.stars[i];
  return sha256(job.str());
}

void sum_stars(StarSums& sums, TngStars& stars, std::int64_t first, std::int64_t count,
               const BirthBins& bins) {
  sums.clear();
  const std::int64_t end = first + count;
  for (std::int64_t begin = first; begin < end;) {
    const StarBlock& block = stars.block_at(begin);
    const std::int64_t stop = std::min(end, block.end());
    for (auto k = std::size_t(begin - block.first); k < std::size_t(stop - block.first); ++k)
      sums.add(block.scale_factor[k], block.mass_msun[k], block.z[k], bins);
    begin = stop;
  }
}

// Reads the subhalos of `order` that are not done yet.
void read_subhalos(PartialHistories& done, const std::vector<std::int64_t>& order, TngStars& stars,
                   const TngCatalogue& catalogue, const TngOptions& o, const BirthBins& bins,
                   const TngSaving& saving, const std::string& job, Progress& progress) {
  using Clock = std::chrono::steady_clock;
  const std::chrono::duration<double, std::ratio<60>> interval(saving.every_minutes);
  auto saved = Clock::now();
  StarSums sums(bins.count());
  while (done.subhalos < std::int64_t(order.size())) {
    const std::int64_t i = order[done.subhalos++];
    sum_stars(sums, stars, catalogue.first_star[i], catalogue.stars[i], bins);
    if (sums.stars >= o.min_stars) {
      ++done.with_stars;
      if (append_history(done.histories, sums, o, bins)) done.histories.subhalo_id.push_back(i);
    }
    progress.advance(catalogue.stars[i]);
    if (saving.file.empty()) continue;
    const bool stop = saving.stop();
    if (!stop && Clock::now() - saved < interval) continue;
    write_partial(saving.file, job, done);
    saved = Clock::now();
    if (stop) throw Interrupted{};
  }
}

} // namespace

Histories make_tng_histories(const TngOptions& o, std::uint64_t seed, Log& log,
                             const TngSaving& saving) {
  check(o);
  require(std::isfinite(o.min_mass_msun), "--min-mass must be finite");
  TngStars stars(o.base, o.snapshot);
  const TngCatalogue catalogue =
      read_tng_catalogue(o.base, o.snapshot, stars.mass_unit_msun(),
                         {o.mass == "stellar", !o.keep_flagged, o.offsets});
  PartialHistories done;
  Histories& h = done.histories;
  const auto order = select(catalogue, o, h);
  check_ranges(order, catalogue, stars.count());
  const BirthBins bins(equal_edges_gyr(stars.clock().age_gyr(1), o.bins), stars.clock());
  h.bins = o.bins;
  h.bin_edges_gyr = bins.edges_gyr();
  h.source = "IllustrisTNG snapshot " + std::to_string(o.snapshot) + " of " + o.base.string();

  const std::string job = saving.file.empty() ? "" : job_of(o, stars, catalogue, order);
  const bool resumed = !saving.file.empty() && read_partial(saving.file, job, done);
  require(done.subhalos <= std::int64_t(order.size()), "'", saving.file.string(), "' tells of ",
          done.subhalos, " subhalos, but there are ", order.size(), "; delete it");
  if (resumed) log.say("prepare: goes on after ", done.subhalos, " of ", order.size(), " subhalos");
  const auto particles = [&](std::int64_t subhalos) {
    std::int64_t sum = 0;
    for (std::int64_t k = 0; k < subhalos; ++k) sum += catalogue.stars[order[k]];
    return sum;
  };
  Progress progress(log, particles(std::int64_t(order.size())), "reading star particles");
  progress.start_at(particles(done.subhalos));
  read_subhalos(done, order, stars, catalogue, o, bins, saving, job, progress);

  h.count = std::int64_t(h.subhalo_id.size());
  h.selection.emplace_back("with_min_stars", done.with_stars);
  h.selection.emplace_back("below_max_log_z", h.count);
  require(h.count > 0, "of ", order.size(), " subhalos ", done.with_stars,
          " have stars enough, and none of those is below --max-log-z ", o.max_log_z);
  hold_out(h, o.test_fraction, seed);
  return std::move(h);
}

} // namespace lookback::tools
