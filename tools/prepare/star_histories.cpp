#include "tools/prepare/star_histories.hpp"

#include "engine/error.hpp"
#include "engine/random.hpp"

#include <cmath>

namespace lookback::tools {
namespace {

constexpr double solar_z = 0.0142; // Asplund et al. 2009, the protosolar value: contracts' Zsun
constexpr double least_z = 1e-10;  // keeps the logarithm of stars without metals finite

} // namespace

void check(const StarCuts& cuts) {
  require(cuts.test_fraction >= 0 && cuts.test_fraction < 1, "--test-fraction ", cuts.test_fraction,
          ", expected 0 to less than 1");
  require(cuts.min_stars >= 1, "--min-stars ", cuts.min_stars, ", expected 1 or more");
  require(std::isfinite(cuts.max_log_z) && std::isfinite(cuts.empty_log_z),
          "--max-log-z and --empty-log-z must be finite");
}

BirthBins::BirthBins(std::vector<double> edges_gyr)
    : edges_gyr_(std::move(edges_gyr)), edges_(edges_gyr_) {}

BirthBins::BirthBins(std::vector<double> edges_gyr, const SimulationClock& clock)
    : BirthBins(std::move(edges_gyr)) {
  constexpr double rounding = 1e-12; // of the way to time and back
  for (double& edge : edges_) edge = clock.scale_factor(edge);
  if (std::abs(edges_.back() - 1) < rounding) edges_.back() = 1;
}

std::vector<double> equal_edges_gyr(double end_gyr, int bins) {
  require(bins > 0 && bins <= 4096, "--bins ", bins, ", expected 1 to 4096");
  std::vector<double> edges;
  for (int i = 0; i <= bins; ++i) edges.push_back(end_gyr * i / bins);
  return edges;
}

double log_z_zsun(double z) {
  return std::log10(std::max(z, least_z) / solar_z);
}

bool append_history(Histories& h, const StarSums& sums, const StarCuts& cuts,
                    const BirthBins& bins) {
  const std::size_t begin = h.log_z_zsun.size();
  double formed = 0;
  for (std::size_t bin = 0; bin < bins.count(); ++bin) {
    const double mass = sums.mass[bin];
    const double log_z = mass > 0 ? log_z_zsun(sums.metals[bin] / mass) : cuts.empty_log_z;
    if (mass > 0 && log_z > cuts.max_log_z) {
      h.log_z_zsun.resize(begin);
      h.sfr_msun_per_yr.resize(begin);
      return false;
    }
    h.sfr_msun_per_yr.push_back(float(mass / bins.width_yr(bin)));
    h.log_z_zsun.push_back(float(log_z));
    formed += mass;
  }
  h.mass_formed_msun.push_back(float(formed));
  return true;
}

void hold_out(Histories& h, double fraction, std::uint64_t seed) {
  const Stream stream{seed, Purpose::split};
  std::vector<std::pair<std::uint32_t, std::int64_t>> lots;
  for (std::int64_t i = 0; i < h.count; ++i)
    lots.emplace_back(stream.word(std::uint64_t(h.subhalo_id[i])), i);
  std::sort(lots.begin(), lots.end());
  h.is_test.assign(std::size_t(h.count), 0);
  const std::int64_t held_out = std::llround(fraction * double(h.count));
  for (std::int64_t i = 0; i < held_out; ++i) h.is_test[lots[i].second] = 1;
}

} // namespace lookback::tools
