// A galaxy's history is that of its gas supply, disturbed:
//   accretion    halo growth M_h(z) = M_0 exp(-alpha z) (Wechsler et al. 2002, ApJ 568, 52), turned
//                into stars with an efficiency that peaks at halos of 4e11 Msun (Moster et al.
//                2018, MNRAS 477, 1822), scaled to a stellar mass drawn from a Schechter-like
//                function that is flatter than the observed one, so that massive galaxies are well
//                covered
//   variability  of log SFR with a broken power-law power spectrum (Caplar & Tacchella 2019)
//   bursts       short, more frequent in the young universe
//   quenching    by mass and by environment (Peng et al. 2010, ApJ 721, 193), exponential decline;
//                some galaxies come to life again
//   enrichment   a gas regulator with outflows stronger in smaller galaxies (Lilly et al. 2013, ApJ
//                772, 119), which gives the mass-metallicity relation
//   resolution   stars come as particles of 8.5e4 Msun, as in TNG50, so small galaxies have noisy
//                histories with empty bins
// Numbers without a source are round values that bring formation times, quenched shares and
// metallicities near those of 1,000 Illustris galaxies.
#include "tools/prepare/synthetic.hpp"

#include "engine/error.hpp"
#include "engine/parallel.hpp"
#include "engine/random.hpp"
#include "physics/cosmology.hpp"
#include "physics/time_bins.hpp"
#include "tools/prepare/correlated_noise.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace lookback::tools {

const char* const synthetic_source =
    "Synthetic, not a simulation: halo growth (Wechsler et al. 2002) with a star-formation "
    "efficiency that peaks at halos of 4e11 Msun (Moster et al. 2018), variability with a broken "
    "power-law "
    "power spectrum (Caplar & Tacchella 2019), bursts, quenching by mass and environment (Peng et "
    "al. 2010), rejuvenation, a gas regulator for the metals (Lilly et al. 2013), and star "
    "particles "
    "of 8.5e4 Msun as in TNG50.";

namespace {

constexpr double particle_msun = 8.5e4; // TNG50-1 (Pillepich et al. 2019, MNRAS 490, 3196)
constexpr double empty_log_z = -1, highest_log_z = 0.5;
constexpr int steps_per_bin = 4;

enum Part : std::uint32_t { properties, variability, burst_times, particle_counts, metal_scatter };

Stream stream_of(std::uint64_t seed, std::int64_t galaxy, int attempt, Part part) {
  return {seed, Purpose::synthetic_history, std::uint32_t(galaxy), std::uint32_t(attempt), part};
}

// Time steps, finer than the bins, on which a history is made.
struct TimeGrid {
  TimeGrid(const physics::TimeBins& bins)
      : steps(bins.count() * steps_per_bin), step_gyr(bins.edges_gyr.back() / steps),
        redshift(steps + 1, std::numeric_limits<double>::infinity()) {
    for (int i = 1; i <= steps; ++i)
      redshift[i] = i < steps ? physics::redshift_of_age(i * step_gyr) : 0.0;
  }
  double middle_gyr(int step) const { return (step + 0.5) * step_gyr; }
  double end_gyr() const { return steps * step_gyr; }

  int steps;
  double step_gyr;
  std::vector<double> redshift; // at the step edges
};

struct Galaxy {
  double log_mass_msun; // of all stars ever formed
  double halo_msun, halo_alpha;
  double sigma_dex, break_gyr;
  double quench_gyr, quench_time_gyr; // infinite: never
  double revival_gyr, revival_width_gyr, revival_strength;
  double log_outflow; // of this galaxy relative to the mean at its mass
};

// Density ~ 10^(-0.1 log M) exp(-M / M*) on 7 ... 12 by rejection.
double draw_log_mass(const Stream& stream) {
  constexpr double low = 7, high = 12, slope = 0.1, knee = 11.4;
  for (std::uint64_t trial = 0;; ++trial) {
    const double log_mass = low + (high - low) * stream.uniform(64 + 2 * trial);
    const double density =
        std::pow(10, -slope * (log_mass - low)) * std::exp(-std::pow(10, log_mass - knee));
    if (stream.uniform(65 + 2 * trial) < density) return log_mass;
  }
}

double quenched_share(double log_mass) {
  const double by_mass = 1 / (1 + std::exp(-(log_mass - 10.75) / 0.15));
  const double by_environment = 0.2;
  const double by_reionisation = 0.3 / (1 + std::exp((log_mass - 7.5) / 0.3));
  return 1 - (1 - 0.9 * by_mass) * (1 - by_environment) * (1 - by_reionisation);
}

Galaxy draw_galaxy(const Stream& stream, double today_gyr) {
  constexpr double never = std::numeric_limits<double>::infinity();
  const auto normal = [&](int i) { return stream.normal(i); };
  const auto uniform = [&](int i) { return stream.uniform(32 + i); };
  Galaxy g;
  g.log_mass_msun = draw_log_mass(stream);
  const double mass = std::pow(10, g.log_mass_msun - 10.6); // in units of the peak of efficiency
  g.halo_msun = std::pow(10, 11.8 + 0.2 * normal(0)) * (std::pow(mass, 0.45) + mass * mass);
  g.halo_alpha = 0.85 * std::pow(g.halo_msun / 1e12, 0.05) * std::pow(10, 0.2 * normal(1));
  const bool late = uniform(0) < 0.06;
  if (late) g.halo_alpha *= 2.5;
  g.sigma_dex = std::clamp(0.30 - 0.05 * (g.log_mass_msun - 10), 0.25, 0.45);
  g.break_gyr = 0.6 * std::pow(10, 0.25 * normal(2));

  g.quench_gyr = g.revival_gyr = never;
  g.quench_time_gyr = std::pow(10, -0.3 + 0.25 * normal(3));
  g.revival_width_gyr = 0.3 + 0.9 * uniform(1);
  g.revival_strength = 0.1 + 0.6 * uniform(2);
  if (uniform(3) < quenched_share(g.log_mass_msun)) {
    g.quench_gyr = today_gyr * (0.25 + 0.65 * uniform(4));
    if (uniform(5) < 0.2)
      g.revival_gyr = g.quench_gyr + 1 + uniform(6) * std::max(today_gyr - g.quench_gyr - 1, 0.0);
  }
  g.log_outflow = 0.12 * normal(4);
  return g;
}

// Stars formed per step, not scaled: what the halo takes in, times the efficiency at its mass.
std::vector<double> accretion(const Galaxy& g, const TimeGrid& grid) {
  constexpr double peak_msun = 4e11, low_slope = 0.9, high_slope = 1.0;
  std::vector<double> formed(grid.steps);
  double before = 0;
  for (int i = 0; i < grid.steps; ++i) {
    const double after = g.halo_msun * std::exp(-g.halo_alpha * grid.redshift[i + 1]);
    const double x = 0.5 * (before + after) / peak_msun;
    formed[i] = (after - before) / (std::pow(x, -low_slope) + std::pow(x, high_slope));
    before = after;
  }
  return formed;
}

void add_bursts(const Stream& stream, const TimeGrid& grid, std::vector<double>& formed) {
  for (int i = 0; i < grid.steps; ++i) {
    const double per_gyr = 0.05 * std::min(1 + grid.redshift[i + 1], 6.0);
    if (stream.uniform(3 * i) > per_gyr * grid.step_gyr) continue;
    const double strength = 2 + 8 * stream.uniform(3 * i + 1);
    const double decay_gyr = 0.05 + 0.25 * stream.uniform(3 * i + 2);
    for (int j = i; j < grid.steps; ++j)
      formed[j] *= 1 + strength * std::exp(-(j - i) * grid.step_gyr / decay_gyr);
  }
}

// What is left of the supply at time t.
double supply(const Galaxy& g, double t_gyr) {
  if (t_gyr < g.quench_gyr) return 1;
  const double revival = (t_gyr - g.revival_gyr) / g.revival_width_gyr;
  return std::exp(-(t_gyr - g.quench_gyr) / g.quench_time_gyr) +
         g.revival_strength * std::exp(-0.5 * revival * revival);
}

// Mass formed per step [Msun], summing to the galaxy's mass.
std::vector<double> star_formation(const Galaxy& g, const TimeGrid& grid, const Stream& burst_times,
                                   const std::vector<double>& noise_dex) {
  std::vector<double> formed = accretion(g, grid);
  add_bursts(burst_times, grid, formed);
  double sum = 0;
  for (int i = 0; i < grid.steps; ++i) {
    formed[i] *= std::pow(10, noise_dex[i]) * supply(g, grid.middle_gyr(i));
    sum += formed[i];
  }
  for (double& mass : formed) mass *= std::pow(10, g.log_mass_msun) / sum;
  return formed;
}

// Metal fraction of the gas, in solar units, per step. The gas G is eaten in the depletion time;
// what star formation, outflows (eta times the rate) and the growth of G take comes in again,
//   inflow = dG/dt + (1 - R + eta) SFR,   dZ/dt = [y (1 - R) SFR - (1 - r) Z inflow] / G,
// with r the metallicity of the inflow (mostly recycled wind) relative to the gas.
std::vector<double> enrichment(const Galaxy& g, const TimeGrid& grid,
                               const std::vector<double>& formed) {
  constexpr double returned = 0.4;       // R, Chabrier IMF
  constexpr double yield_zsun = 3.0;     // y over 0.0142
  constexpr double recycled = 0.3;       // r
  constexpr double depletion_gyr = 1.0;  // today's main sequence, Tacconi et al. 2018
  constexpr double first_stars = 0.0005; // in solar units, before the first star
  constexpr double fewest_stars = 1e10 * std::numeric_limits<double>::min(); // late haloes have 0
  std::vector<double> metals(grid.steps);
  double z = first_stars, gas = 0, stars = 0;
  for (int i = 0; i < grid.steps; ++i) {
    const double growth = formed[i] - gas * grid.step_gyr / depletion_gyr;
    gas = std::max(gas + growth, std::numeric_limits<double>::min());
    stars += formed[i];
    metals[i] = z;
    if (stars < fewest_stars) continue;
    const double eta = 1.0 * std::pow(10, g.log_outflow) * std::pow(stars / 1e10, -0.35);
    const double inflow = std::max(growth, 0.0) + (1 - returned + eta) * formed[i];
    // Implicit in Z, so bounded by the equilibrium for any step.
    z = (z + yield_zsun * (1 - returned) * formed[i] / gas) / (1 + (1 - recycled) * inflow / gas);
    metals[i] = z;
  }
  return metals;
}

// A Poisson number, by inversion where the mean is small.
double poisson(const Stream& stream, int element, double mean) {
  if (mean > 50) return std::max(std::round(mean + std::sqrt(mean) * stream.normal(element)), 0.0);
  const double u = stream.uniform(element);
  double count = 0, probability = std::exp(-mean), cumulative = probability;
  while (u > cumulative && count < 200) {
    probability *= mean / ++count;
    cumulative += probability;
  }
  return count;
}

// One history into sfr[bins] and log_z[bins]. Fails where a bin is too metal-rich.
bool make_history(std::uint64_t seed, std::int64_t index, int attempt, const TimeGrid& grid,
                  const CorrelatedNoise& noise, std::span<float> sfr, std::span<float> log_z) {
  const auto part = [&](Part p) { return stream_of(seed, index, attempt, p); };
  const Galaxy g = draw_galaxy(part(properties), grid.end_gyr());
  const std::vector<double> formed = star_formation(
      g, grid, part(burst_times), noise.draw(part(variability), g.sigma_dex, g.break_gyr));
  const std::vector<double> metals = enrichment(g, grid, formed);
  constexpr double scatter_dex = 0.25; // among the stars of one age (spatial gradients)
  const double bin_yr = grid.step_gyr * steps_per_bin * 1e9;
  for (std::size_t bin = 0; bin < sfr.size(); ++bin) {
    double mass = 0, mass_of_metals = 0;
    for (std::size_t i = bin * steps_per_bin; i < (bin + 1) * steps_per_bin; ++i) {
      mass += formed[i];
      mass_of_metals += formed[i] * metals[i];
    }
    const double count = poisson(part(particle_counts), int(bin), mass / particle_msun);
    sfr[bin] = float(count * particle_msun / bin_yr);
    log_z[bin] = float(empty_log_z);
    if (count == 0) continue;
    const double sampling = scatter_dex / std::sqrt(count) * part(metal_scatter).normal(bin);
    log_z[bin] = float(std::log10(mass_of_metals / mass) + sampling);
    if (log_z[bin] > highest_log_z) return false;
  }
  return true;
}

} // namespace

Histories make_synthetic(std::int64_t count, std::uint64_t seed, int bins) {
  require(count > 0 && bins > 0, "a synthetic set of ", count, " histories with ", bins,
          " bins was asked for; both must be positive");
  const physics::TimeBins time_bins = physics::equal_time_bins(bins);
  const TimeGrid grid(time_bins);
  constexpr double slope = 2; // Caplar & Tacchella 2019; a damped random walk
  const CorrelatedNoise noise(grid.steps, grid.step_gyr, slope);

  Histories h;
  h.count = count;
  h.bins = bins;
  h.bin_edges_gyr = time_bins.edges_gyr;
  h.source = synthetic_source;
  h.sfr_msun_per_yr.resize(count * bins);
  h.log_z_zsun.resize(count * bins);
  h.mass_formed_msun.resize(count);
  parallel_for(count, [&](std::int64_t i) {
    const std::span<float> sfr(&h.sfr_msun_per_yr[i * bins], bins);
    const std::span<float> log_z(&h.log_z_zsun[i * bins], bins);
    for (int attempt = 0; !make_history(seed, i, attempt, grid, noise, sfr, log_z); ++attempt) {
    }
    double rates = 0;
    for (const float rate : sfr) rates += rate;
    h.mass_formed_msun[i] = float(rates * grid.step_gyr * steps_per_bin * 1e9);
  });
  return h;
}

} // namespace lookback::tools
