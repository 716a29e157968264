#include "physics/dust_table.hpp"

#include "engine/error.hpp"

#include <algorithm>
#include <cmath>

namespace lookback::physics {

namespace {

void check_axis(const Eigen::VectorXd& axis, const char* name, Eigen::Index least) {
  require(axis.size() >= least, "dust table: ", name, " has ", axis.size(),
          " values; expected at least ", least);
  require(axis.allFinite() && axis[0] > 0, "dust table: ", name,
          " holds a value that is not a positive number");
  for (Eigen::Index i = 1; i < axis.size(); ++i)
    require(axis[i] > axis[i - 1], "dust table: ", name, " goes from ", axis[i - 1], " to ",
            axis[i], " at index ", i, "; expected increasing values");
}

void check_emissivity(const std::vector<double>& jnu, const char* name, Eigen::Index expected) {
  require(static_cast<Eigen::Index>(jnu.size()) == expected, "dust table: ", name, " has ",
          jnu.size(), " values; expected ", expected, ", the product of its axes");
  require(std::all_of(jnu.begin(), jnu.end(), [](double j) { return std::isfinite(j) && j >= 0; }),
          "dust table: ", name, " holds an emissivity that is negative or not finite");
}

} // namespace

void check(const DustTable& table) {
  check_axis(table.wavelength_micron, "wavelength_micron", 2);
  check_axis(table.qpah_percent, "qpah_percent", 1);
  check_axis(table.umin, "umin", 1);
  check_axis(table.umax, "umax", 1);
  const Eigen::Index templates =
      table.qpah_percent.size() * table.umin.size() * table.wavelength_micron.size();
  check_emissivity(table.jnu_umin_only, "jnu_umin_only", templates);
  check_emissivity(table.jnu_umin_umax, "jnu_umin_umax", templates * table.umax.size());
}

} // namespace lookback::physics
