// From the command line to an observed galaxy: what was measured, with which instrument, at which
// redshift, dust and velocity dispersion, and the model that predicts it. Whatever the user leaves
// open is decided here, and each decision carries where it came from.
#pragma once

#include "tools/files/firefly.hpp"
#include "tools/files/observation.hpp"
#include "tools/files/photometry_table.hpp"
#include "tools/galaxy/model_options.hpp"
#include "tools/inference/nuisance_prior.hpp"
#include "tools/inference/spectrum_likelihood.hpp"

namespace lookback::tools {

struct GalaxyOptions {
  std::filesystem::path spectrum, ssp, photometry, firefly;
  std::string plateifu;   // in the FIREFLY catalogue
  std::int64_t index = 0; // row of a lookback-spectra file
  std::optional<double> redshift, a_v;
  // Drawn with the history: even within LO:HI, Gaussian about the redshift.
  std::string a_v_range, sigma_v_range;
  std::optional<double> redshift_error;
  std::string mask_policy = "and";
  std::vector<std::string> masks; // ranges and files of ranges
  bool keep_emission_lines = false, air = false;
  double text_flux_unit = 1e-17, angstrom_per_unit = 1;
  int calibration_degree = 0; // of the polynomial; 0: none
  // Errors of SDSS colours, g - r (Adelman-McCarthy et al. 2008, ApJS 175, 297).
  double calibration_prior = 0.05;
  ModelOptions model;
};

void add_galaxy_options(Command& command, GalaxyOptions& options);

struct Chosen { // a number and where it is from: "option", "firefly", "file", "default"
  double value;
  std::string from;
};

struct Galaxy {
  Observation observation;          // its mask knows the SSP grid's range
  std::vector<BandFlux> photometry; // compared after the pixels
  std::optional<FireflyGalaxy> firefly;
  physics::SspGrid grid;
  physics::TimeBins bins;
  Chosen redshift, a_v, sigma_v; // sigma_v in km/s
  std::string lsf_from;          // "file", "option", or why there is none
  physics::Instrument instrument;
  std::optional<physics::GalaxyModel> model;
  Eigen::MatrixXd calibration;     // [pixels + bands, K] modes; or empty
  std::vector<NuisancePrior> free; // parameters to be drawn; the model has their centres
  physics::AgeRule age_rule;

  physics::Nuisance nuisance() const { return {a_v.value, redshift.value, sigma_v.value}; }
  physics::GalaxyModel model_at(const physics::Nuisance& nuisance) const {
    return {grid, bins, nuisance, instrument, age_rule};
  }
};

// `notes` receives one sentence each for what the user should know. Errors: no grid; a redshift
// that is not known; a mock of other time bins; no pixel left; a band outside the grid; those of
// the readers and of physics.
Galaxy open_galaxy(const GalaxyOptions& options, const std::vector<double>& bin_edges_gyr,
                   std::vector<std::string>& notes);

Measurements measurements(const Galaxy& galaxy);

// "emission line 12, used 3400": what happened to the pixels.
std::string pixels_text(const Observation& observation);

// Dispersions of the used pixels in km/s; all 0 where nothing is broadened.
struct Resolution {
  std::vector<double> instrument, library, kernel; // [used]
  std::int64_t sharper = 0;                        // the instrument is sharper than the library
  std::int64_t unchanged = 0; // and stays so with the stars' dispersion: not broadened
};
Resolution resolution(const Galaxy& galaxy);

} // namespace lookback::tools
