// Stars of a Kroupa (2001) initial mass function xi(m) on the main sequence,
//   lifetime     t = 10^10 yr m^-2.5 + 3 Myr, the turn-off mass being its inverse,
//   luminosity   L = 0.23 m^2.3, m^4, 1.4 m^3.5, 32000 m (Salaris & Cassisi 2005, ch. 5),
//   radius       R = m^0.8 below and m^0.57 above 1 Msun (Demircan & Kahraman 1991),
//   temperature  T = 5772 K (L / R^2)^(1/4),
// and giants whose light is the fuel burnt after the main sequence (Renzini & Buzzoni 1986):
//   L = 9.75e10 Lsun yr / Msun * xi(m_turnoff) |dm_turnoff/dt| * fuel.
// A star's spectrum is a blackbody with breaks and Gaussian absorption lines whose depths depend on
// temperature and metallicity; lower Z is hotter and has weaker metal lines, by power laws chosen
// to give the signs and rough sizes of real grids.
#include "tools/prepare/analytic_ssp.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <vector>

namespace lookback::tools {
namespace {

constexpr double lightest_msun = 0.1, heaviest_msun = 100;
constexpr double coolest_k = 2500, hottest_k = 60000;
constexpr int temperatures = 48, masses = 600;
constexpr double massive_lifetime_yr = 3e6;

double temperature_k(int index) {
  return coolest_k * std::pow(hottest_k / coolest_k, double(index) / (temperatures - 1));
}

// Stars per Msun formed and per unit mass: exponents -1.3 below 0.5 Msun and -2.3 above.
double imf(double m) {
  const auto shape = [](double x) { return x < 0.5 ? 2 * std::pow(x, -1.3) : std::pow(x, -2.3); };
  static const double total = [&] {
    constexpr int steps = 20000;
    const double step = std::log(heaviest_msun / lightest_msun) / steps;
    double sum = 0;
    for (int i = 0; i < steps; ++i) {
      const double x = lightest_msun * std::exp((i + 0.5) * step);
      sum += x * shape(x) * x * step;
    }
    return sum;
  }();
  return shape(m) / total;
}

double lifetime_yr(double m) {
  return 1e10 * std::pow(m, -2.5) + massive_lifetime_yr;
}

double turnoff_msun(double age_yr) {
  if (age_yr <= lifetime_yr(heaviest_msun)) return heaviest_msun;
  return std::pow(1e10 / (age_yr - massive_lifetime_yr), 0.4);
}

double luminosity_lsun(double m) {
  if (m < 0.43) return 0.23 * std::pow(m, 2.3);
  if (m < 2) return std::pow(m, 4);
  return m < 55 ? 1.4 * std::pow(m, 3.5) : 32000 * m;
}

double main_sequence_k(double m, double log_z) {
  const double radius = std::pow(m, m < 1 ? 0.8 : 0.57);
  return 5772 * std::pow(luminosity_lsun(m) / (radius * radius), 0.25) *
         std::pow(10, -0.04 * log_z);
}

// What is left of a dead star (Renzini & Ciotti 1993): white dwarf, neutron star, black hole.
double remnant_msun(double m) {
  return m < 8.5 ? 0.077 * m + 0.48 : m < 40 ? 1.4 : 0.5 * m;
}

double surviving_fraction(double age_yr) {
  const double turnoff = turnoff_msun(age_yr),
               step = std::log(heaviest_msun / lightest_msun) / masses;
  double alive = 0, all = 0;
  for (int i = 0; i < masses; ++i) {
    const double m = lightest_msun * std::exp((i + 0.5) * step), weight = imf(m) * m * step;
    alive += weight * (m < turnoff ? m : remnant_msun(m));
    all += weight * m;
  }
  return alive / all;
}

// Bolometric luminosity [Lsun per Msun formed] shared out over the temperatures of the library.
std::vector<double> light_by_temperature(double age_yr, double log_z) {
  std::vector<double> light(temperatures, 0.0);
  const auto add = [&](double kelvin, double lsun) {
    const double position =
        std::log(kelvin / coolest_k) / std::log(hottest_k / coolest_k) * (temperatures - 1);
    const double inside = std::clamp(position, 0.0, temperatures - 1.001);
    const int below = int(inside);
    light[std::size_t(below)] += lsun * (below + 1 - inside);
    light[std::size_t(below) + 1] += lsun * (inside - below);
  };
  const double turnoff = turnoff_msun(age_yr), step = std::log(turnoff / lightest_msun) / masses;
  for (int i = 0; i < masses; ++i) {
    const double m = lightest_msun * std::exp((i + 0.5) * step);
    const double brightening = 1 + age_yr / lifetime_yr(m); // doubled at the end of its life
    add(main_sequence_k(m, log_z), imf(m) * m * step * luminosity_lsun(m) * brightening);
  }
  if (turnoff >= heaviest_msun) return light;
  const double death_rate = imf(turnoff) * 0.4 * turnoff / (age_yr - massive_lifetime_yr); // per yr
  const double fuel_msun =
      turnoff < 2 ? 0.3 * std::pow(turnoff, 0.3) : 0.37 * std::pow(turnoff / 2, -0.3);
  const double giants = 9.75e10 * death_rate * fuel_msun;
  const double giant_k = 4450 * std::pow(10, -0.045 * log_z) * std::pow(turnoff, 0.04);
  add(1.12 * giant_k, 0.5 * giants); // red clump and lower branch
  add(0.90 * giant_k, 0.5 * giants); // upper branch
  return light;
}

double falls_above(double kelvin, double limit_k) {
  return 1 / (1 + std::pow(kelvin / limit_k, 10));
}

struct Line {
  double angstrom, sigma_angstrom, optical_depth; // vacuum; depth at solar metallicity
};
constexpr Line balmer[] = {{6564.6, 9, 0.55}, {4862.7, 10, 0.75}, {4341.7, 10, 0.85},
                           {4102.9, 10, 0.9}, {3971.2, 9, 0.9},   {3890.2, 8, 0.85},
                           {3836.5, 7, 0.8},  {3798.9, 6, 0.7}};
constexpr Line metals[] = {
    {3934.8, 8, 1.3}, {3969.6, 8, 1.1},  {4227.9, 3, 0.5},  {4305.6, 12, 0.5}, {4384.8, 5, 0.35},
    {4532.0, 9, 0.2}, {4669.0, 9, 0.2},  {5015.0, 10, 0.2}, {5168.7, 3, 0.45}, {5174.1, 3, 0.5},
    {5185.0, 3, 0.5}, {5271.0, 6, 0.3},  {5330.0, 6, 0.25}, {5407.0, 5, 0.15}, {5710.0, 5, 0.1},
    {5891.6, 3, 0.5}, {5897.6, 3, 0.45}, {6499.0, 8, 0.1},  {8500.4, 5, 0.35}, {8544.4, 5, 0.5},
    {8664.5, 5, 0.45}};
constexpr Line titanium_oxide[] = {
    {4960, 60, 0.25}, {5450, 60, 0.25}, {6180, 70, 0.5}, {7100, 100, 0.7}, {8450, 80, 0.4}};

double absorption(double angstrom, double kelvin, double log_z) {
  const double metallicity = std::pow(10, 0.3 * log_z);
  const double cool = falls_above(kelvin, 7000) * metallicity;
  const double hydrogen = std::exp(-std::pow(std::log(kelvin / 9500) / 0.4, 2));
  double depth = 0;
  const auto lines = [&](const auto& list, double strength) {
    for (const auto& [centre, sigma, line_depth] : list)
      depth += strength * line_depth * std::exp(-0.5 * std::pow((angstrom - centre) / sigma, 2));
  };
  lines(balmer, hydrogen);
  lines(metals, cool);
  lines(titanium_oxide, falls_above(kelvin, 4000) * metallicity);
  const auto blueward = [&](double edge, double width) {
    return 0.5 - 0.5 * std::tanh((angstrom - edge) / width);
  };
  depth += 0.48 * cool * blueward(3990, 25);                       // metals: the 4000 A break
  depth += 0.9 * cool * blueward(3000, 300);                       // and the near ultraviolet
  depth += 1.0 * hydrogen * blueward(3700, 30);                    // Balmer jump
  depth += 8.0 * falls_above(kelvin, 30000) * blueward(911.75, 5); // Lyman limit
  return std::exp(-depth);
}

// L_lambda per unit bolometric luminosity, 1/Angstrom: pi B_lambda / (sigma T^4) with absorption.
double star(double angstrom, double kelvin, double log_z) {
  constexpr double hc_over_k = 1.438776877e8; // Angstrom K (CODATA 2018)
  const double x = hc_over_k / (angstrom * kelvin);
  const double planck =
      15 / std::pow(std::numbers::pi, 4) * std::pow(x, 4) / std::expm1(x) / angstrom;
  return planck * absorption(angstrom, kelvin, log_z);
}

Eigen::VectorXd wavelengths() {
  std::vector<double> grid;
  for (double w = 90; w < 2999; w *= 1.008) grid.push_back(w);
  for (double w = 3000; w <= 10000; w += 2.5) grid.push_back(w);
  for (double w = 10050; w < 1e5; w *= 1.008) grid.push_back(w);
  grid.push_back(1e5);
  return Eigen::VectorXd::Map(grid.data(), Eigen::Index(grid.size()));
}

} // namespace

physics::SspGrid make_analytic_ssp() {
  physics::SspGrid grid;
  grid.wavelength_angstrom = wavelengths();
  grid.age_gyr = Eigen::ArrayXd::LinSpaced(60, std::log(1e-4), std::log(14.0)).exp();
  grid.log_z_zsun = Eigen::VectorXd{{-1.7, -1.1, -0.6, -0.25, 0.0, 0.3}};
  grid.surviving_mass_fraction.emplace(grid.metallicities(), grid.ages());
  grid.imf = "Kroupa 2001, 0.1 to 100 Msun";
  grid.isochrones = "power laws of mass (analytic)";
  grid.stellar_library = "blackbodies with Gaussian absorption lines (analytic)";
  grid.source = "lookback prepare ssp analytic: analytic, for demonstration and tests";
  grid.license = "MIT";
  for (const double log_z : grid.log_z_zsun) {
    Eigen::MatrixXd library(grid.wavelengths(), temperatures);
    for (int t = 0; t < temperatures; ++t)
      for (Eigen::Index w = 0; w < grid.wavelengths(); ++w)
        library(w, t) = star(grid.wavelength_angstrom[w], temperature_k(t), log_z);
    for (const double age : grid.age_gyr) {
      const auto light = light_by_temperature(age * 1e9, log_z);
      const Eigen::VectorXd flux = library * Eigen::VectorXd::Map(light.data(), temperatures);
      grid.flux.insert(grid.flux.end(), flux.begin(), flux.end());
    }
  }
  for (Eigen::Index a = 0; a < grid.ages(); ++a)
    grid.surviving_mass_fraction->col(a).setConstant(surviving_fraction(grid.age_gyr[a] * 1e9));
  return grid;
}

} // namespace lookback::tools
