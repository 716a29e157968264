#include "physics/surviving_mass.hpp"

#include "engine/error.hpp"
#include "physics/metallicity.hpp"

#include <algorithm>
#include <cmath>
#include <map>

namespace lookback::physics {

using Eigen::Index;
using Eigen::VectorXd;

namespace {

// Straight line in ln(age) between two nodes, constant outside.
double at_age(const SurvivingMassTable::Track& track, double age_gyr) {
  const VectorXd& age = track.age_gyr;
  const Index last = age.size() - 1;
  if (age_gyr <= age[0]) return track.fraction[0];
  if (age_gyr >= age[last]) return track.fraction[last];
  const Index upper = std::upper_bound(age.begin(), age.end(), age_gyr) - age.begin();
  const double share = std::log(age_gyr / age[upper - 1]) / std::log(age[upper] / age[upper - 1]);
  return (1 - share) * track.fraction[upper - 1] + share * track.fraction[upper];
}

VectorXd copied(const std::vector<double>& values) {
  return Eigen::Map<const VectorXd>(values.data(), static_cast<Index>(values.size()));
}

} // namespace

SurvivingMassTable surviving_mass_table(const VectorXd& log_z_zsun, const VectorXd& age_gyr,
                                        const VectorXd& fraction) {
  const Index n = log_z_zsun.size();
  require(n > 0 && age_gyr.size() == n && fraction.size() == n, "surviving mass: columns of ", n,
          ", ", age_gyr.size(), " and ", fraction.size(),
          " rows; expected as many in each, at least one");
  std::map<double, std::map<double, double>> sorted; // metallicity, age, fraction
  for (Index i = 0; i < n; ++i) {
    require(std::isfinite(log_z_zsun[i]) && std::isfinite(age_gyr[i]) && age_gyr[i] > 0 &&
                fraction[i] >= 0 && fraction[i] <= 1,
            "surviving mass: row ", i, " is log Z ", log_z_zsun[i], ", age ", age_gyr[i],
            " Gyr, fraction ", fraction[i], "; expected a positive age and a fraction of 0 to 1");
    const bool added = sorted[log_z_zsun[i]].emplace(age_gyr[i], fraction[i]).second;
    require(added, "surviving mass: row ", i, " repeats log Z ", log_z_zsun[i], " and age ",
            age_gyr[i], " Gyr");
  }
  SurvivingMassTable table;
  for (const auto& [log_z, track] : sorted) {
    std::vector<double> ages, fractions;
    for (const auto& [age, value] : track) {
      ages.push_back(age);
      fractions.push_back(value);
    }
    table.tracks.push_back({log_z, copied(ages), copied(fractions)});
  }
  return table;
}

double surviving_fraction(const SurvivingMassTable& table, double log_z_zsun, double age_gyr) {
  VectorXd nodes(static_cast<Index>(table.tracks.size()));
  for (std::size_t i = 0; i < table.tracks.size(); ++i)
    nodes[static_cast<Index>(i)] = table.tracks[i].log_z_zsun;
  const TwoNodes at = metallicity_nodes(log_z_zsun, nodes);
  return (1 - at.share) * at_age(table.tracks[static_cast<std::size_t>(at.lower)], age_gyr) +
         at.share * at_age(table.tracks[static_cast<std::size_t>(at.upper)], age_gyr);
}

Eigen::MatrixXd surviving_fractions(const SurvivingMassTable& table, const SspGrid& grid) {
  Eigen::MatrixXd fractions(grid.metallicities(), grid.ages());
  for (Index j = 0; j < grid.metallicities(); ++j)
    for (Index a = 0; a < grid.ages(); ++a)
      fractions(j, a) = surviving_fraction(table, grid.log_z_zsun[j], grid.age_gyr[a]);
  return fractions;
}

} // namespace lookback::physics
