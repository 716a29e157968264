#include "tools/galaxy/posterior_samples.hpp"

#include "engine/parallel.hpp"
#include "physics/cosmology.hpp"
#include "physics/joint_model.hpp"

namespace lookback::tools {
namespace {

void add_derived(Samples& samples, const Eigen::MatrixXd& histories,
                 const physics::DerivedModel& model) {
  using D = physics::DerivedQuantities;
  const std::tuple<const char*, const char*, double D::*> wanted[] = {
      {"log10_mass_formed_msun", "log10(Msun)", &D::log10_mass_formed_msun},
      {"log10_mass_surviving_msun", "log10(Msun)", &D::log10_mass_surviving_msun},
      {"sfr_10", "Msun/yr", &D::sfr_10},
      {"sfr_100", "Msun/yr", &D::sfr_100},
      {"t50_lookback_gyr", "Gyr", &D::t50_lookback_gyr},
      {"t90_lookback_gyr", "Gyr", &D::t90_lookback_gyr},
      {"age_mass_weighted_gyr", "Gyr", &D::age_mass_weighted_gyr},
      {"age_light_weighted_gyr", "Gyr", &D::age_light_weighted_gyr},
      {"log_z_mass_weighted", "log10(Z/Zsun)", &D::log_z_mass_weighted}};
  std::vector<D> all;
  for (Eigen::Index d = 0; d < histories.cols(); ++d) all.push_back(model(histories.col(d)));
  for (const auto& [name, unit, member] : wanted) {
    if (!model.has_surviving_mass() && member == &D::log10_mass_surviving_msun) continue;
    if (!model.has_light_weighted_age() && member == &D::age_light_weighted_gyr) continue;
    Quantity quantity{name, unit, {}};
    for (const D& d : all) quantity.values.push_back(d.*member);
    samples.quantities.push_back(std::move(quantity));
  }
}

// Observed maggies beside those of every draw.
void add_bands(Samples& samples, const Eigen::MatrixXd& flux, const Galaxy& g) {
  auto row = Eigen::Index(g.observation.flux.size());
  for (const BandFlux& band : g.photometry) {
    samples.constants.push_back({"maggies_" + band.band.name, "maggies", {band.maggies}});
    samples.constants.push_back({"maggies_error_" + band.band.name, "maggies", {band.error}});
    Quantity model{"model_maggies_" + band.band.name, "maggies", {}};
    for (const double maggies : flux.row(row++)) model.values.push_back(maggies);
    samples.sample_stats.push_back(std::move(model));
  }
}

// Where parameters are free every draw has a galaxy of its own. Its one spectrum is much less work
// than the spectra of all populations, which the joint model does without; it has the exact ages.
Eigen::MatrixXd model_spectra(const Galaxy& g, const Eigen::MatrixXd& histories,
                              const Eigen::MatrixXd& free) {
  if (g.free.empty()) return g.model->value(histories);
  std::optional<physics::JointModel> joint;
  if (g.age_rule == physics::AgeRule::exact) joint.emplace(g.grid, g.bins, g.instrument);
  Eigen::MatrixXd flux(g.model->outputs(), histories.cols());
  parallel_for(histories.cols(), [&](std::int64_t n) {
    physics::Nuisance nuisance = g.nuisance();
    for (std::size_t q = 0; q < g.free.size(); ++q)
      nuisance.*g.free[q].parameter = free(Eigen::Index(q), n);
    if (!joint) {
      flux.col(n) = g.model_at(nuisance).value(histories.col(n));
      return;
    }
    Eigen::VectorXd x(joint->inputs());
    x << histories.col(n), nuisance.a_v, nuisance.redshift, nuisance.sigma_v_km_per_s;
    flux.col(n) = joint->value(x);
  });
  return flux;
}

void add_free(Samples& samples, const Galaxy& g, const Eigen::MatrixXd& free) {
  using N = physics::Nuisance;
  for (std::size_t q = 0; q < g.free.size(); ++q)
    for (const auto& [parameter, name, unit] :
         {std::tuple(&N::a_v, "a_v", "mag"), std::tuple(&N::redshift, "redshift", ""),
          std::tuple(&N::sigma_v_km_per_s, "sigma_v_km_s", "km/s")}) {
      if (g.free[q].parameter != parameter) continue;
      const Eigen::VectorXd values = free.row(Eigen::Index(q)).transpose();
      samples.quantities.push_back({name, unit, {values.begin(), values.end()}});
    }
}

void add_firefly(Samples& samples, const Galaxy& g) {
  if (!g.firefly) return;
  const FireflyHistory history = summed_history(*g.firefly, g.bins);
  samples.bin_constants = {{"firefly_sfr_msun_per_yr", "Msun/yr", history.sfr_msun_per_yr},
                           {"firefly_log_z_zsun", "log10(Z/0.0142)", history.log_z_zsun}};
  samples.constants.push_back({"firefly_mass_msun", "Msun", {g.firefly->mass_msun}});
  samples.attributes.emplace_back("firefly_plateifu", g.firefly->plateifu);
}

} // namespace

void add_histories(Samples& samples, const Eigen::MatrixXd& histories,
                   const physics::DerivedModel& model) {
  const Eigen::Index L = histories.rows() / 2;
  samples.draws = histories.cols();
  samples.bins = int(L);
  for (Eigen::Index d = 0; d < histories.cols(); ++d)
    for (Eigen::Index l = 0; l < L; ++l) {
      samples.sfr_msun_per_yr.push_back(float(histories(l, d)));
      samples.log_z_zsun.push_back(float(histories(L + l, d)));
    }
  add_derived(samples, histories, model);
}

double add_galaxy(Samples& samples, const Eigen::MatrixXd& histories, const Eigen::MatrixXd& free,
                  const Galaxy& g, const SpectrumLikelihood& likelihood) {
  const Eigen::MatrixXd flux = model_spectra(g, histories, free);
  add_free(samples, g, free);
  const auto pixels = Eigen::Index(g.observation.flux.size());
  const Eigen::VectorXd chi2 = likelihood.chi2(flux);
  const Eigen::VectorXd reduced = chi2 / double(likelihood.pixels());
  samples.sample_stats = {{"chi2", "", {chi2.begin(), chi2.end()}},
                          {"chi2_reduced", "", {reduced.begin(), reduced.end()}}};
  for (Eigen::Index d = 0; d < flux.cols(); ++d)
    for (Eigen::Index p = 0; p < pixels; ++p) samples.model_flux.push_back(float(flux(p, d)));
  samples.observation = g.observation;
  const double distance = physics::luminosity_distance_mpc(g.redshift.value);
  samples.constants.push_back({"a_v", "mag", {g.a_v.value}});
  samples.constants.push_back({"sigma_v_km_s", "km/s", {g.sigma_v.value}});
  samples.constants.push_back({"luminosity_distance_mpc", "Mpc", {distance}});
  for (const auto& [name, from] :
       {std::pair("redshift_from", g.redshift.from), std::pair("a_v_from", g.a_v.from),
        std::pair("sigma_v_from", g.sigma_v.from), std::pair("lsf_from", g.lsf_from)})
    samples.attributes.emplace_back(name, from);
  add_bands(samples, flux, g);
  add_firefly(samples, g);
  return quantiles(samples.sample_stats[1].values, std::vector{0.5})[0];
}

void add_noise(Samples& samples, const std::vector<std::string>& names,
               const Eigen::MatrixXd& values) {
  for (std::size_t i = 0; i < names.size(); ++i) {
    const Eigen::VectorXd drawn = values.row(Eigen::Index(i)).transpose();
    samples.quantities.push_back({names[i], "", {drawn.begin(), drawn.end()}});
  }
}

} // namespace lookback::tools
