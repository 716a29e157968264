#include "tools/galaxy/observed_galaxy.hpp"

#include "engine/error.hpp"
#include "physics/broadening.hpp"
#include "physics/calibration.hpp"
#include "tools/files/in_file.hpp"
#include "tools/files/mask_ranges.hpp"
#include "tools/files/ssp.hpp"
#include "tools/files/text_numbers.hpp"

#include <algorithm>
#include <cmath>

namespace lookback::tools {
namespace {

std::optional<FireflyGalaxy> read_catalogue(const GalaxyOptions& o,
                                            std::vector<std::string>& notes) {
  require(o.firefly.empty() == o.plateifu.empty(),
          "--firefly, the catalogue, and --plateifu, a galaxy in it, go together");
  if (o.firefly.empty()) return {};
  const FireflyGalaxy galaxy = read_firefly(o.firefly, o.plateifu);
  if (galaxy.inconsistent_cells > 0)
    notes.push_back("in " + std::to_string(galaxy.inconsistent_cells) + " of " +
                    std::to_string(galaxy.cells.size()) + " cells of " + o.plateifu +
                    " FIREFLY's history does not have the mean age that its catalogue states");
  return galaxy;
}

Observation read_spectrum(const GalaxyOptions& o, std::optional<double> redshift,
                          std::vector<std::string>& notes) {
  ObservationOptions options;
  options.index = o.index;
  options.redshift = redshift;
  options.policy = mask_policy(o.mask_policy);
  for (const std::string& mask : o.masks)
    for (const auto& range : mask_ranges(mask)) options.user_masks.push_back(range);
  options.mask_emission_lines = !o.keep_emission_lines;
  options.air_wavelengths = o.air;
  options.text_flux_unit = o.text_flux_unit;
  options.angstrom_per_unit = o.angstrom_per_unit;
  return read_observation(o.spectrum, options, notes);
}

// The option's value, else the catalogue's and the file's where they are numbers, else 0.
Chosen chosen(const std::optional<double>& option, double in_firefly, double in_file) {
  if (option) return {*option, "option"};
  if (std::isfinite(in_firefly)) return {in_firefly, "firefly"};
  if (std::isfinite(in_file)) return {in_file, "file"};
  return {0, "default"};
}

// Pixels without a dispersion take that of the nearest pixel before them that has one, else after.
Eigen::VectorXd without_gaps(const std::vector<double>& dispersion) {
  Eigen::VectorXd sigma(Eigen::Index(dispersion.size()));
  const auto known = [](double s) { return std::isfinite(s) && s > 0; };
  const auto first = std::find_if(dispersion.begin(), dispersion.end(), known);
  require(first != dispersion.end(),
          "the spectrum's dispersion is 0 or not a number in all pixels; "
          "give --lsf none or a number");
  double last = *first;
  for (Eigen::Index p = 0; p < sigma.size(); ++p) {
    const double s = dispersion[std::size_t(p)];
    sigma[p] = last = known(s) ? s : last;
  }
  return sigma;
}

// The instrument's dispersion is matched to the library's, so where the latter is not known it is
// left out unless the user asks for it, or the spectrum is a mock that was made with it.
void set_line_spread(Galaxy& g, const ModelOptions& o, std::vector<std::string>& notes) {
  const auto& in_file = g.observation.resolution_sigma_km_s;
  const Eigen::VectorXd library = library_dispersion(g.grid);
  const bool asked = o.lsf == "file", mock = !g.observation.true_sfr_msun_per_yr.empty();
  require(!asked || !in_file.empty(), "--lsf file: ", g.observation.name,
          " holds no dispersion of its instrument; give --lsf none or a number");
  if (const auto number = lsf_number(o)) {
    g.instrument.lsf_km_per_s =
        Eigen::VectorXd::Constant(Eigen::Index(g.observation.flux.size()), *number);
    g.lsf_from = "option";
  } else if (asked || (!o.lsf && !in_file.empty() && (library.size() > 0 || mock))) {
    g.instrument.lsf_km_per_s = without_gaps(in_file);
    g.lsf_from = "file";
  } else {
    g.lsf_from = o.lsf ? "none" : in_file.empty() ? "none: not in the file" : "none: grid unknown";
    if (!o.lsf && !in_file.empty())
      notes.push_back("the SSP grid does not say its resolution, so the spectrum's is not matched "
                      "to it; --lsf file takes the grid as perfectly sharp");
    return;
  }
  g.instrument.library_km_per_s = library;
  if (library.size() == 0) notes.push_back(unknown_library_note);
}

double reddest_rest_angstrom(const Galaxy& g) {
  double reddest = g.observation.wavelength_angstrom.back();
  for (const physics::Band& band : g.instrument.bands)
    reddest = std::max(reddest, band.wavelength_angstrom[band.wavelength_angstrom.size() - 1]);
  return reddest / (1 + g.redshift.value);
}

void make_model(Galaxy& g, const ModelOptions& o, std::vector<std::string>& notes) {
  Observation& obs = g.observation;
  g.instrument = physics::spectrograph(obs.wavelength_angstrom, obs.flux_unit);
  g.instrument.resampling = resampling_rule(o);
  for (const BandFlux& flux : g.photometry) g.instrument.bands.push_back(flux.band);
  set_line_spread(g, o, notes);
  g.instrument.dust_emission =
      dust_emission(o, g.grid, reddest_rest_angstrom(g), g.a_v.value, notes);
  g.age_rule = age_rule(o);
  g.model.emplace(g.model_at(g.nuisance()));
  const std::size_t pixels = obs.mask.size();
  for (std::size_t p = 0; p < pixels; ++p)
    if (!g.model->inside()[p]) obs.mask[p] |= mask_outside_grid;
  for (std::size_t b = 0; b < g.photometry.size(); ++b)
    require(g.model->inside()[pixels + b], "the band ", g.photometry[b].band.name,
            " lies outside the SSP grid at redshift ", g.redshift.value, "; leave it out");
  require_usable(obs);
}

NuisancePrior range(const std::string& option, double physics::Nuisance::*parameter,
                    const std::string& text) {
  const auto ends = number_range(text);
  require(ends && ends->first >= 0 && ends->first < ends->second, option, " is '", text,
          "'; expected LO:HI, two numbers from 0 on, the second larger");
  return even_prior(parameter, ends->first, ends->second);
}

void set_free(Galaxy& g, const GalaxyOptions& o) {
  const auto centre = [](const NuisancePrior& p) { return 0.5 * (p.low + p.high); };
  if (!o.a_v_range.empty()) {
    require(!o.a_v, "--a-v and --a-v-range exclude each other");
    g.free.push_back(range("--a-v-range", &physics::Nuisance::a_v, o.a_v_range));
    g.a_v = {centre(g.free.back()), "centre of --a-v-range"};
  }
  if (o.redshift_error)
    g.free.push_back(
        gaussian_prior(&physics::Nuisance::redshift, g.redshift.value, *o.redshift_error));
  if (!o.sigma_v_range.empty()) {
    require(!o.model.sigma_v_km_per_s, "--sigma-v and --sigma-v-range exclude each other");
    g.free.push_back(
        range("--sigma-v-range", &physics::Nuisance::sigma_v_km_per_s, o.sigma_v_range));
    g.sigma_v = {centre(g.free.back()), "centre of --sigma-v-range"};
  }
}

// With photometry the order 0 is free too: bands measure the scale that the slit or fibre loses.
Eigen::MatrixXd calibration(const Galaxy& g, int degree, double prior) {
  if (degree == 0) return {};
  const Observation& obs = g.observation;
  const auto pixels = Eigen::Index(obs.flux.size());
  const Eigen::MatrixXd modes = physics::calibration_modes(
      obs.wavelength_angstrom, g.photometry.empty() ? 1 : 0, degree, prior);
  Eigen::MatrixXd u = Eigen::MatrixXd::Zero(g.model->outputs(), modes.cols());
  u.topRows(pixels) = Eigen::VectorXd::Map(obs.flux.data(), pixels).asDiagonal() * modes;
  return u;
}

} // namespace

void add_galaxy_options(Command& line, GalaxyOptions& o) {
  line.option("--spectrum", o.spectrum, "FILE",
              "observed spectrum: SDSS FITS, lookback-spectra, or text");
  line.option("--index", o.index, "N", "row of a lookback-spectra file");
  line.option("--ssp", o.ssp, "FILE", "stellar-population grid (lookback-ssp)");
  line.option("--redshift", o.redshift, "Z", "in place of the spectrum's");
  line.option("--a-v", o.a_v, "MAG",
              "Calzetti attenuation; default: FIREFLY's or the mock's own, else 0");
  line.option("--a-v-range", o.a_v_range, "LO:HI",
              "draw A_V with the history, evenly distributed beforehand");
  line.option("--redshift-error", o.redshift_error, "DZ",
              "draw the redshift with the history, Gaussian about its value")
      ->check(in_range(1e-9, 1.0));
  line.option("--sigma-v-range", o.sigma_v_range, "LO:HI",
              "draw the stars' velocity dispersion [km/s] with the history");
  line.option("--firefly", o.firefly, "FILE",
              "MaNGA FIREFLY catalogue: its redshift and A_V = 4.05 E(B-V), for comparison its "
              "history");
  line.option("--plateifu", o.plateifu, "ID", "the galaxy in the FIREFLY catalogue, as 8485-1901");
  line.option("--photometry", o.photometry, "FILE",
              "bands to fit as well: filter file, value, error, AB or maggies on each line");
  line.option("--calibration-degree", o.calibration_degree, "N",
              "of a polynomial by which the flux calibration may err; 0: none")
      ->check(in_range(0, 100));
  line.option("--calibration-prior", o.calibration_prior, "SIGMA",
              "standard deviation of its coefficients")
      ->check(in_range(1e-6, 10.0));
  line.choice("--mask-policy", o.mask_policy, {"and", "or", "none"},
              "SDSS mask searched for BRIGHTSKY");
  line.option("--mask", o.masks, "LO:HI|FILE ...",
              "observed wavelengths to leave out [Angstrom, vacuum], or files with LO HI lines");
  line.flag("--keep-emission-lines", o.keep_emission_lines, "do not mask nebular lines");
  line.option("--text-flux-unit", o.text_flux_unit, "UNIT",
              "erg/s/cm2/Angstrom of a text spectrum's flux and error");
  line.option("--text-angstrom-per-unit", o.angstrom_per_unit, "A",
              "of a text spectrum's wavelengths (nm: 10)");
  line.flag("--text-air", o.air, "a text spectrum's wavelengths are in air");
  add_model_options(line, o.model);
}

Galaxy open_galaxy(const GalaxyOptions& o, const std::vector<double>& bin_edges_gyr,
                   std::vector<std::string>& notes) {
  require(!o.ssp.empty(),
          "--spectrum needs --ssp, the stellar-population grid; `prepare ssp` makes one");
  Galaxy g;
  g.firefly = read_catalogue(o, notes);
  const double firefly_redshift = g.firefly ? g.firefly->redshift : NAN,
               firefly_a_v = g.firefly ? g.firefly->a_v : NAN;
  auto redshift = o.redshift;
  if (!redshift && g.firefly) redshift = firefly_redshift;
  g.observation = read_spectrum(o, redshift, notes);
  Observation& obs = g.observation;
  require(std::isfinite(obs.redshift), o.spectrum.string(),
          ": the redshift is not known; give --redshift");
  require(obs.true_bin_edges_gyr.empty() || obs.true_bin_edges_gyr == bin_edges_gyr,
          o.spectrum.string(),
          ": the true history has other time bins than the prior; "
          "train a prior on the bins of the mock");
  g.redshift = chosen(o.redshift, firefly_redshift, obs.redshift);
  g.a_v = chosen(o.a_v, firefly_a_v, obs.a_v);
  g.sigma_v = chosen(o.model.sigma_v_km_per_s, NAN, obs.velocity_dispersion_km_s);
  set_free(g, o);
  obs.a_v = g.a_v.value;
  if (!o.photometry.empty()) g.photometry = read_photometry(o.photometry);
  g.grid = read_ssp(o.ssp);
  g.bins.edges_gyr = bin_edges_gyr;
  make_model(g, o.model, notes);
  g.calibration = calibration(g, o.calibration_degree, o.calibration_prior);
  return g;
}

Measurements measurements(const Galaxy& g) {
  Measurements m{g.observation.flux, g.observation.ivar, {}, g.calibration};
  for (const std::uint32_t mask : g.observation.mask) m.used.push_back(mask == 0);
  for (const BandFlux& band : g.photometry) {
    m.flux.push_back(band.maggies);
    m.ivar.push_back(1 / (band.error * band.error));
    m.used.push_back(1);
  }
  return m;
}

std::string pixels_text(const Observation& observation) {
  std::string text;
  for (const auto& [reason, pixels] : pixels_lost(observation))
    if (pixels) text += (text.empty() ? "" : ", ") + reason + " " + std::to_string(pixels);
  return text;
}

Resolution resolution(const Galaxy& g) {
  Resolution used;
  const Observation& obs = g.observation;
  const Eigen::VectorXd& lsf = g.instrument.lsf_km_per_s;
  const bool matched = lsf.size() > 0 && g.instrument.library_km_per_s.size() > 0;
  for (std::size_t p = 0; p < obs.mask.size(); ++p) {
    if (obs.mask[p]) continue;
    const double rest = obs.wavelength_angstrom[p] / (1 + g.redshift.value);
    const double instrument = lsf.size() > 0 ? lsf[Eigen::Index(p)] : 0;
    const double library = matched ? library_dispersion(g.grid, rest) : 0;
    used.instrument.push_back(instrument);
    used.library.push_back(library);
    used.kernel.push_back(physics::kernel_sigma_km_per_s(instrument, library, g.sigma_v.value));
    used.sharper += instrument < library;
    used.unchanged += instrument < library && used.kernel.back() == 0;
  }
  return used;
}

} // namespace lookback::tools
