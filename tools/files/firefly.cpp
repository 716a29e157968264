#include "tools/files/firefly.hpp"

#include "physics/cosmology.hpp"
#include "tools/files/fits.hpp"
#include "tools/files/in_file.hpp"

#include <algorithm>
#include <cmath>

namespace lookback::tools {
namespace {

constexpr double r_v = 4.05;          // Calzetti et al. 2000
constexpr double least_valid = -9998; // the fill value is -9999
constexpr double age_tolerance_dex = 0.01;
constexpr double zsun_lookback = 0.0142; // of every log Z here (Asplund et al. 2009)

double valid(double value) {
  return std::isfinite(value) && value > least_valid ? value : NAN;
}

// One galaxy's part of an image whose first axis is the galaxy.
struct Slab {
  std::vector<std::int64_t> extents; // without the first axis
  std::vector<double> values;

  double operator()(std::int64_t cell, std::int64_t item) const {
    const auto stride = std::int64_t(values.size()) / extents[0];
    return valid(values[std::size_t(cell * stride + item)]);
  }
};

// Every image of the catalogue, checked to have `galaxies` rows and at least `least` items a cell.
struct Catalogue {
  FitsReader& fits;
  std::int64_t galaxies, row;

  Slab slab(const std::string& name, std::size_t axes, std::int64_t least) {
    fits.select(name);
    Slab slab{fits.image_extents(), {}};
    require(slab.extents.size() == axes && slab.extents[0] == galaxies && slab.extents[1] > 0 &&
                slab.extents.back() >= (axes > 2 ? least : 1),
            "HDU '", name, "' must have ", axes, " axes with ", galaxies,
            " galaxies, as GALAXY_INFO, and the last of at least ", least);
    slab.extents.erase(slab.extents.begin());
    double count = 1;
    for (const auto extent : slab.extents) count *= double(extent);
    constexpr double most = 1e8; // a galaxy has 2800 cells of 8 populations
    require(count >= 1 && count < most, "HDU '", name, "' claims ", count, " values a galaxy");
    slab.values = fits.image_part(row * std::int64_t(count), std::int64_t(count));
    return slab;
  }
};

// The populations of a cell, their weights as they are in place of masses.
std::vector<FireflyPopulation> populations(const Slab& history, std::int64_t cell) {
  std::vector<FireflyPopulation> result;
  const auto slots = history.extents[1], channels = history.extents[2];
  for (std::int64_t slot = 0; slot < slots; ++slot) {
    const auto at = [&](int channel) { return history(cell, slot * channels + channel); };
    if (std::isfinite(at(0)) && at(2) > 0) result.push_back({std::pow(10, at(0)), at(1), at(2)});
  }
  return result;
}

// sum_i mass_i value_i / sum_i mass_i
template <class Items, class Value> double mass_mean(const Items& items, Value value) {
  double sum = 0, mass = 0;
  for (const auto& item : items) {
    if (!std::isfinite(value(item))) continue;
    sum += item.mass_msun * value(item);
    mass += item.mass_msun;
  }
  return mass > 0 ? sum / mass : NAN;
}

FireflyGalaxy read_row(FitsReader& fits, std::int64_t row) {
  fits.select("GALAXY_INFO");
  FireflyGalaxy galaxy;
  galaxy.plateifu = fits.text_column("PLATEIFU").at(std::size_t(row));
  galaxy.redshift = valid(fits.column("REDSHIFT").at(std::size_t(row)));
  require(galaxy.redshift >= 0, "the redshift of ", galaxy.plateifu, " is not known");

  Catalogue catalogue{fits, fits.rows(), row};
  const Slab reddening = catalogue.slab("E(B_V)_VORONOI", 2, 1);
  const Slab mass = catalogue.slab("STELLAR_MASS_VORONOI", 3, 3);
  const Slab age = catalogue.slab("MW_AGE_VORONOI", 3, 1);
  const Slab history = catalogue.slab("STAR_FORMATION_HISTORY", 4, 3);
  const std::int64_t cells = history.extents[0];
  for (const Slab* slab : {&reddening, &mass, &age})
    require(slab->extents[0] == cells, "STAR_FORMATION_HISTORY has ", cells,
            " cells a galaxy, another HDU ", slab->extents[0]);

  constexpr int log_mass_of_cell = 2;
  double worst = 0;
  for (std::int64_t c = 0; c < cells; ++c) {
    FireflyCell cell{reddening(c, 0), std::pow(10, mass(c, log_mass_of_cell)),
                     populations(history, c)};
    if (!std::isfinite(cell.mass_msun) || cell.populations.empty()) continue;
    const double mean_age = mass_mean(cell.populations, [](auto& p) { return p.age_gyr; });
    const double error = std::abs(std::log10(mean_age) - age(c, 0));
    if (!(error <= age_tolerance_dex)) ++galaxy.inconsistent_cells;
    worst = std::max(worst, error);
    double weight = 0;
    for (const auto& p : cell.populations) weight += p.mass_msun;
    for (auto& p : cell.populations) p.mass_msun *= cell.mass_msun / weight;
    galaxy.mass_msun += cell.mass_msun;
    galaxy.cells.push_back(std::move(cell));
  }
  require(!galaxy.cells.empty(), galaxy.plateifu, " has no cell with a mass and a history");
  require(
      galaxy.inconsistent_cells * 20 <= int(galaxy.cells.size()), "in ", galaxy.inconsistent_cells,
      " of ", galaxy.cells.size(), " cells of ", galaxy.plateifu,
      " the mean age of STAR_FORMATION_HISTORY (channel 0 log age, channel 2 mass weight) is not ",
      "MW_AGE_VORONOI; the largest difference is ", worst,
      " dex: the channels mean something else in this file");
  galaxy.e_bv = mass_mean(galaxy.cells, [](auto& cell) { return cell.e_bv; });
  galaxy.a_v = r_v * galaxy.e_bv;
  return galaxy;
}

} // namespace

FireflyGalaxy read_firefly(const std::filesystem::path& file, const std::string& plateifu) {
  FitsReader fits(file);
  fits.select("GALAXY_INFO");
  const auto names = fits.text_column("PLATEIFU");
  const auto matches = std::count(names.begin(), names.end(), plateifu);
  require(matches == 1, "'", file.string(), "' has ", matches, " galaxies with PLATEIFU '",
          plateifu, "' among ", names.size(), "; expected 1",
          names.empty() ? "" : ", named like '" + names[0] + "'");
  const auto row = std::find(names.begin(), names.end(), plateifu) - names.begin();
  return in_file(file, [&] { return read_row(fits, row); });
}

FireflyGalaxy read_firefly(const std::filesystem::path& file, std::int64_t row) {
  FitsReader fits(file);
  fits.select("GALAXY_INFO");
  require(row >= 0 && row < fits.rows(), "'", file.string(), "' has ", fits.rows(),
          " galaxies; there is no ", row);
  return in_file(file, [&] { return read_row(fits, row); });
}

FireflyHistory summed_history(const FireflyGalaxy& galaxy, const physics::TimeBins& bins,
                              double zsun) {
  const physics::ObservedBins seen = physics::observe(bins, physics::age_gyr(galaxy.redshift));
  require(seen.formed > 0, galaxy.plateifu, " is seen before the first of the time bins");
  const auto count = std::size_t(bins.count());
  std::vector<double> mass(count), metals(count);
  for (const auto& cell : galaxy.cells)
    for (const auto& p : cell.populations) {
      const auto oldest = seen.oldest_gyr.head(seen.formed); // decreasing
      const auto bin = std::size_t(std::max<std::ptrdiff_t>(
          0, std::partition_point(oldest.begin(), oldest.end(),
                                  [&](double age) { return age > p.age_gyr; }) -
                 oldest.begin() - 1));
      mass[bin] += p.mass_msun;
      metals[bin] += p.mass_msun * std::pow(10, p.z_h) * zsun;
    }
  FireflyHistory history{std::vector<double>(count, 0), std::vector<double>(count, NAN)};
  for (std::size_t i = 0; i < count; ++i) {
    if (mass[i] == 0) continue;
    history.sfr_msun_per_yr[i] = mass[i] / (1e9 * seen.duration_gyr[Eigen::Index(i)]);
    history.log_z_zsun[i] = std::log10(metals[i] / mass[i] / zsun_lookback);
  }
  return history;
}

} // namespace lookback::tools
