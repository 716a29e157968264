#include "tools/prepare/particles.hpp"

#include "engine/error.hpp"
#include "tools/common/progress.hpp"
#include "tools/files/particle_file.hpp"

#include <map>

namespace lookback::tools {
namespace {

using Galaxies = std::map<std::int64_t, StarSums>; // by galaxy_id

Galaxies sum_stars(const std::filesystem::path& file, std::int64_t id_of_file,
                   const BirthBins& bins) {
  Galaxies galaxies;
  for_each_block(file, [&](const ParticleBlock& block) {
    for (std::size_t i = 0; i < block.z.size(); ++i) {
      const std::int64_t id = block.galaxy.empty() ? id_of_file : block.galaxy[i];
      const auto sums = galaxies.try_emplace(id, bins.count()).first;
      sums->second.add(block.birth[i], block.mass_msun[i], block.z[i], bins);
    }
  });
  return galaxies;
}

BirthBins bins_of(const ParticleFacts& facts, const SimulationClock& clock,
                  const std::vector<double>& edges_gyr) {
  return facts.birth_in_gyr ? BirthBins(edges_gyr) : BirthBins(edges_gyr, clock);
}

} // namespace

Histories make_particle_histories(const ParticleOptions& o, std::uint64_t seed, Log& log) {
  check(o);
  require(o.clock.hubble > 0 && o.clock.omega_matter > 0 && o.clock.omega_matter < 1,
          "--hubble must be positive, and --omega-matter above 0 and below 1");
  Histories h;
  if (!o.bins_of.empty()) h.bin_edges_gyr = read_bin_edges(o.bins_of);
  std::int64_t in_files = 0, with_stars = 0;
  double inside = 0, outside = 0;
  Progress progress(log, std::int64_t(o.files.size()), "reading star particles");
  for (std::size_t number = 0; number < o.files.size(); ++number) {
    const ParticleFacts facts = read_particle_facts(o.files[number]);
    const SimulationClock clock = facts.clock.value_or(o.clock);
    if (h.bin_edges_gyr.empty()) h.bin_edges_gyr = equal_edges_gyr(clock.age_gyr(1), o.bins);
    const BirthBins bins = bins_of(facts, clock, h.bin_edges_gyr);
    const auto id_of_file = facts.galaxy.value_or(std::int64_t(number));
    for (const auto& [id, sums] : sum_stars(o.files[number], id_of_file, bins)) {
      ++in_files;
      for (const double mass : sums.mass) inside += mass;
      outside += sums.mass_outside;
      if (sums.stars < o.min_stars) continue;
      ++with_stars;
      if (append_history(h, sums, o, bins)) h.subhalo_id.push_back(id);
    }
    progress.advance();
  }
  h.bins = int(h.bin_edges_gyr.size()) - 1;
  h.count = std::int64_t(h.subhalo_id.size());
  h.selection = {
      {"in_files", in_files}, {"with_min_stars", with_stars}, {"below_max_log_z", h.count}};
  require(h.count > 0, "of ", in_files, " galaxies ", with_stars,
          " have --min-stars stars in the bins, and none of those is below --max-log-z ",
          o.max_log_z);
  if (outside > 0)
    log.say("prepare: ", outside, " Msun of stars, ", 100 * outside / (inside + outside),
            " % of all, were born outside of the bins and are left out");
  hold_out(h, o.test_fraction, seed);
  h.source = "star particles of " + o.files.front().string();
  if (o.files.size() > 1) h.source += " and " + std::to_string(o.files.size() - 1) + " more files";
  return h;
}

} // namespace lookback::tools
