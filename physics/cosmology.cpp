#include "physics/cosmology.hpp"

#include "engine/error.hpp"
#include "physics/units.hpp"

#include <cmath>
#include <numbers>

namespace lookback::physics {

namespace {

using namespace units;

constexpr double hubble_constant = 67.74; // km/s/Mpc
constexpr double omega_matter = 0.3075;   // without neutrinos
constexpr double cmb_temperature_k = 2.7255;
constexpr double neutrino_species = 3.046; // effective number, shared by three
constexpr double neutrino_mass_ev = 0.06;  // of one of the three; the others are massless

constexpr double hubble_per_s = hubble_constant * 1e5 / mpc_cm;
constexpr double hubble_time_gyr = 1 / hubble_per_s / gyr_s;
constexpr double hubble_distance_mpc = speed_of_light_cm_per_s / hubble_per_s / mpc_cm;

// Photon energy density over the critical density: (4 sigma T^4 / c^3) / (3 H0^2 / 8 pi G).
constexpr double omega_photons = [] {
  constexpr double t = cmb_temperature_k, c = speed_of_light_cm_per_s;
  constexpr double photons = 4 * stefan_boltzmann * t * t * t * t / (c * c * c);
  constexpr double critical =
      3 * hubble_per_s * hubble_per_s / (8 * std::numbers::pi * gravitation_cm3_per_g_s2);
  return photons / critical;
}();

// Energy density of neutrinos over that of photons. Each species starts from 7/8 (4/11)^(4/3); the
// massive one grows by [1 + (0.3173 m / (k T_nu (1+z)))^1.83]^(1/1.83)  (Komatsu+11 eq. 26).
double neutrinos_over_photons(double redshift) {
  constexpr double exponent = 1.83, scale = 0.3173;
  static const double neutrino_temperature_k = std::cbrt(4.0 / 11) * cmb_temperature_k;
  static const double per_species = 7.0 / 8 * std::pow(4.0 / 11, 4.0 / 3) * neutrino_species / 3;
  const double mass_over_kt = neutrino_mass_ev * electron_volt_erg /
                              (boltzmann_erg_per_k * neutrino_temperature_k * (1 + redshift));
  const double massive = std::pow(1 + std::pow(scale * mass_over_kt, exponent), 1 / exponent);
  return per_species * (2 + massive);
}

// Gauss-Legendre on [-1, 1], ten points (Abramowitz & Stegun 25.4.30).
constexpr double gauss_node[5] = {0.1488743389816312, 0.4333953941292472, 0.6794095682990244,
                                  0.8650633666889845, 0.9739065285171717};
constexpr double gauss_weight[5] = {0.2955242247147529, 0.2692667193099963, 0.2190863625159820,
                                    0.1494513491505806, 0.0666713443086881};

// Integral of f over [begin, end] in equal panels no wider than 0.5. In ln a every integrand here
// varies on a scale of 1 or more, which ten points resolve to rounding.
template <class F> double integral(F f, double begin, double end) {
  const int panels = 1 + static_cast<int>(2 * (end - begin));
  const double half = (end - begin) / (2 * panels);
  double sum = 0;
  for (int p = 0; p < panels; ++p) {
    const double middle = begin + (2 * p + 1) * half;
    for (int k = 0; k < 5; ++k) {
      const double offset = half * gauss_node[k];
      sum += gauss_weight[k] * (f(middle - offset) + f(middle + offset));
    }
  }
  return half * sum;
}

double age_at_log_a(double log_a) {
  // Before this much expansion less than e^-36 of the age had passed (t ~ a^2 or slower).
  constexpr double e_folds = 20;
  const auto inverse_e = [](double x) { return 1 / hubble_ratio(std::expm1(-x)); };
  return hubble_time_gyr * integral(inverse_e, log_a - e_folds, log_a);
}

void check_redshift(double redshift) {
  require(std::isfinite(redshift) && redshift >= 0, "redshift ", redshift,
          "; expected a finite number, 0 or more");
}

} // namespace

double hubble_ratio(double redshift) {
  static const double omega_lambda =
      1 - omega_matter - omega_photons * (1 + neutrinos_over_photons(0));
  const double s = 1 + redshift;
  const double radiation = omega_photons * (1 + neutrinos_over_photons(redshift));
  return std::sqrt(omega_lambda + s * s * s * (omega_matter + s * radiation));
}

double age_gyr(double redshift) {
  check_redshift(redshift);
  return age_at_log_a(-std::log1p(redshift));
}

double lookback_time_gyr(double redshift) {
  check_redshift(redshift);
  const auto inverse_e = [](double x) { return 1 / hubble_ratio(std::expm1(-x)); };
  return hubble_time_gyr * integral(inverse_e, -std::log1p(redshift), 0);
}

double luminosity_distance_mpc(double redshift) {
  check_redshift(redshift);
  const auto integrand = [](double x) { return std::exp(-x) / hubble_ratio(std::expm1(-x)); };
  return (1 + redshift) * hubble_distance_mpc * integral(integrand, -std::log1p(redshift), 0);
}

double age_slope_gyr(double redshift) {
  check_redshift(redshift);
  return -hubble_time_gyr / ((1 + redshift) * hubble_ratio(redshift));
}

double luminosity_distance_slope_mpc(double redshift) {
  return luminosity_distance_mpc(redshift) / (1 + redshift) +
         (1 + redshift) * hubble_distance_mpc / hubble_ratio(redshift);
}

double redshift_of_age(double target_gyr) {
  require(std::isfinite(target_gyr) && target_gyr > 0, "age of the universe ", target_gyr,
          " Gyr; expected a positive number");
  // Newton's method on ln t(ln a), whose slope 1 / (t H) lies between 1/2 and 2 up to today.
  double log_a = 0;
  for (int iteration = 0; iteration < 50; ++iteration) {
    const double t = age_at_log_a(log_a);
    const double hubble_times_t = hubble_ratio(std::expm1(-log_a)) * t / hubble_time_gyr;
    const double step = std::log(target_gyr / t) * hubble_times_t;
    log_a += step;
    if (std::abs(step) < 1e-14) break;
  }
  return std::expm1(-log_a);
}

} // namespace lookback::physics
