// Histories of galaxies from their star particles. In each bin of cosmic time, with m, Z the mass
// and the metals of the particles at birth:
//
//   SFR = sum m / width,     log Z/Zsun = log10(sum m Z / sum m / 0.0142).
//
// A bin includes its early edge, the last one also its late edge. Sums are in double precision, in
// the order of the particles.
#pragma once

#include "tools/files/histories.hpp"
#include "tools/files/simulation_clock.hpp"

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

namespace lookback::tools {

// Cuts that need the stars, and the choices of the paper.
struct StarCuts {
  std::int64_t min_stars = 1; // particles, not counting wind
  double max_log_z = 0.5;     // none of the bins may be above it
  double empty_log_z = -1;    // of bins without stars
  double test_fraction = 0.2; // is_test
};

// Errors: out of range, by the name of the option.
void check(const StarCuts& cuts);

// Edges of the bins as cosmic time, and as what particles tell of their birth.
class BirthBins {
public:
  explicit BirthBins(std::vector<double> edges_gyr); // particles tell cosmic time
  BirthBins(std::vector<double> edges_gyr, const SimulationClock& clock); // their scale factor

  std::size_t count() const { return edges_.size() - 1; }
  const std::vector<double>& edges_gyr() const { return edges_gyr_; }
  double width_yr(std::size_t bin) const { return (edges_gyr_[bin + 1] - edges_gyr_[bin]) * 1e9; }
  // count() where it is outside of all bins.
  std::size_t bin_of(double birth) const {
    if (birth < edges_.front() || birth > edges_.back()) return count();
    const auto after = std::upper_bound(edges_.begin(), edges_.end() - 1, birth);
    return std::size_t(after - edges_.begin()) - 1;
  }

private:
  std::vector<double> edges_gyr_, edges_;
};

// Equal bins from the big bang to `end`. Errors: not 1 to 4096 bins.
std::vector<double> equal_edges_gyr(double end_gyr, int bins);

// log10(Z / 0.0142) of a mass fraction; finite for 0.
double log_z_zsun(double z);

// The stars of one galaxy, by bin.
struct StarSums {
  explicit StarSums(std::size_t bins) : mass(bins), metals(bins) {}

  void clear() {
    std::fill(mass.begin(), mass.end(), 0.0);
    std::fill(metals.begin(), metals.end(), 0.0);
    stars = 0;
    mass_outside = 0;
  }
  void add(double birth, double mass_msun, double z, const BirthBins& bins) {
    if (birth <= 0) return; // wind
    const std::size_t bin = bins.bin_of(birth);
    if (bin == bins.count()) {
      mass_outside += mass_msun;
      return;
    }
    ++stars;
    mass[bin] += mass_msun;
    metals[bin] += mass_msun * z;
  }

  std::vector<double> mass, metals; // [bins] Msun
  std::int64_t stars = 0;
  double mass_outside = 0; // of stars born outside of the bins
};

// Appends a history and its mass_formed_msun; gives false where a bin is too metal-rich.
bool append_history(Histories& histories, const StarSums& sums, const StarCuts& cuts,
                    const BirthBins& bins);

// Draws is_test by subhalo_id and `seed`, of as near a number to `fraction` as there is.
void hold_out(Histories& histories, double fraction, std::uint64_t seed);

} // namespace lookback::tools
