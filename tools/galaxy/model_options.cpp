#include "tools/galaxy/model_options.hpp"

#include "engine/error.hpp"
#include "physics/broadening.hpp"
#include "tools/files/dust_table.hpp"

#include <charconv>
#include <cmath>

namespace lookback::tools {
namespace {

constexpr double dust_shines_from_angstrom = 1e4; // where the table of Draine & Li 2007 begins

physics::DustEmission chosen_emission(const ModelOptions& o, const Eigen::VectorXd& wavelength) {
  if (o.dust_emission == "dl07") {
    require(!o.dust_table.empty(), "--dust-emission dl07 needs --dust-table, the table of Draine & "
                                   "Li 2007 (HDF5, or a folder of their text files)");
    return physics::dl07_emission(read_dust_table(o.dust_table), o.dust_mixture, wavelength);
  }
  require(o.dust_temperature_k && o.dust_beta,
          "--dust-emission blackbody needs --dust-temperature and --dust-beta");
  return physics::blackbody_emission(*o.dust_temperature_k, *o.dust_beta, wavelength);
}

} // namespace

void add_model_options(Command& line, ModelOptions& o) {
  line.choice("--dust-emission", o.dust_emission, {"none", "dl07", "blackbody"},
              "what becomes of the light that dust absorbs; left open it is none, and said where "
              "it matters");
  line.option("--dust-table", o.dust_table, "FILE",
              "for dl07: table of Draine & Li 2007, HDF5 or a folder of their text files");
  line.option("--qpah", o.dust_mixture.qpah_percent, "PERCENT", "for dl07: mass fraction of PAHs");
  line.option("--umin", o.dust_mixture.umin, "U", "for dl07: starlight of the diffuse medium");
  line.option("--gamma", o.dust_mixture.gamma, "SHARE",
              "for dl07: dust in regions of stronger light");
  line.option("--dust-temperature", o.dust_temperature_k, "K", "for blackbody");
  line.option("--dust-beta", o.dust_beta, "BETA", "for blackbody: index of its emissivity");
  line.option("--sigma-v", o.sigma_v_km_per_s, "KM_S",
              "velocity dispersion of the stars; default: the spectrum's own, else 0");
  line.option("--lsf", o.lsf, "file|none|KM_S",
              "dispersion of the instrument: the spectrum's own (default where the grid knows its "
              "resolution), none, or one number");
  line.choice("--resampling", o.resampling, {"linear", "flux-conserving"},
              "from the grid's wavelengths to the pixels");
  line.choice("--age-rule", o.age_rule, {"exact", "linear-in-age", "even-512", "bin-centre"},
              "mean over the ages in a time bin; all but exact are for comparison");
}

physics::ResamplingRule resampling_rule(const ModelOptions& o) {
  return o.resampling == "linear" ? physics::ResamplingRule::linear
                                  : physics::ResamplingRule::flux_conserving;
}

physics::AgeRule age_rule(const ModelOptions& o) {
  if (o.age_rule == "linear-in-age") return physics::AgeRule::linear_in_age;
  if (o.age_rule == "even-512") return physics::AgeRule::even_512;
  if (o.age_rule == "bin-centre") return physics::AgeRule::bin_centre;
  return physics::AgeRule::exact;
}

std::optional<double> lsf_number(const ModelOptions& o) {
  if (!o.lsf || *o.lsf == "file" || *o.lsf == "none") return {};
  double value = 0;
  const char* end = o.lsf->data() + o.lsf->size();
  const auto result = std::from_chars(o.lsf->data(), end, value);
  require(result.ec == std::errc() && result.ptr == end && std::isfinite(value) && value > 0,
          "--lsf is '", *o.lsf, "'; expected file, none or a dispersion above 0 km/s");
  return value;
}

physics::DustEmission dust_emission(const ModelOptions& o, const physics::SspGrid& grid,
                                    double reddest_rest_angstrom, double a_v,
                                    std::vector<std::string>& notes) {
  if (o.dust_emission && *o.dust_emission != "none")
    return chosen_emission(o, grid.wavelength_angstrom);
  if (!o.dust_emission && a_v > 0 && reddest_rest_angstrom > dust_shines_from_angstrom) {
    std::ostringstream note;
    note << "dust emission is left out: the model looks at rest wavelengths up to "
         << reddest_rest_angstrom / 1e4
         << " micron, and dust that absorbs shines beyond 1; --dust-emission chooses";
    notes.push_back(note.str());
  }
  return {};
}

double library_dispersion(const physics::SspGrid& grid, double rest_angstrom) {
  if (grid.resolution_sigma_km_s) return *grid.resolution_sigma_km_s;
  if (!grid.resolution_fwhm_angstrom) return 0;
  return physics::sigma_km_per_s_of_fwhm(*grid.resolution_fwhm_angstrom, rest_angstrom);
}

Eigen::VectorXd library_dispersion(const physics::SspGrid& grid) {
  if (!grid.resolution_sigma_km_s && !grid.resolution_fwhm_angstrom) return {};
  return grid.wavelength_angstrom.unaryExpr(
      [&](double wavelength) { return library_dispersion(grid, wavelength); });
}

} // namespace lookback::tools
