#include "tools/files/simulation_clock.hpp"

#include "engine/error.hpp"
#include "physics/units.hpp"
#include "tools/files/attributes.hpp"

#include <cmath>

namespace lookback::tools {
namespace {

double hubble_time_gyr(double hubble) {
  return physics::units::mpc_cm / (hubble * 100 * 1e5) / physics::units::gyr_s;
}

} // namespace

double SimulationClock::age_gyr(double a) const {
  const double omega_lambda = 1 - omega_matter;
  return 2 * hubble_time_gyr(hubble) / (3 * std::sqrt(omega_lambda)) *
         std::asinh(std::sqrt(omega_lambda / omega_matter) * a * std::sqrt(a));
}

double SimulationClock::scale_factor(double age) const {
  const double omega_lambda = 1 - omega_matter;
  const double x = std::sinh(1.5 * std::sqrt(omega_lambda) * age / hubble_time_gyr(hubble));
  return std::cbrt(omega_matter / omega_lambda * x * x);
}

SimulationClock read_clock(const H5Reader& reader) {
  const double hubble = reader.number("Header", "HubbleParam");
  const double matter = number_among(reader, "Header", {"Omega0", "Omega_m"});
  const double lambda = number_among(reader, "Header", {"OmegaLambda", "Omega_lambda"});
  constexpr double most_neutrinos = 3e-3; // Omega of neutrinos of 0.1 eV, and of radiation
  require(hubble > 0.1 && hubble < 10 && matter > 0 && lambda > 0 &&
              std::abs(matter + lambda - 1) < most_neutrinos,
          "'", reader.file().string(), "': the Header has HubbleParam ", hubble, ", Omega0 ",
          matter, " and OmegaLambda ", lambda,
          ", expected a flat universe and a Hubble constant in units of 100 km/s/Mpc");
  return {hubble, 1 - lambda};
}

} // namespace lookback::tools
