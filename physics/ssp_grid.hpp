// A grid of simple stellar populations: the spectrum, per solar mass formed, of stars of one age
// and one metallicity. Wavelengths are vacuum, rest frame. Between the nodes the flux is linear in
// ln(age) and in log10 Z; outside them it is that of the nearest node.
#pragma once

#include <Eigen/Core>
#include <optional>
#include <string>
#include <vector>

namespace lookback::physics {

struct SspGrid {
  Eigen::VectorXd wavelength_angstrom; // [W] vacuum, increasing
  Eigen::VectorXd age_gyr;             // [A] positive, increasing
  Eigen::VectorXd log_z_zsun;          // [Z] log10(Z / 0.0142), increasing
  std::vector<float> flux;             // [Z, A, W] row-major, Lsun / Angstrom / Msun formed
  std::optional<Eigen::MatrixXd> surviving_mass_fraction; // [Z, A] of the mass formed
  double lsun_erg_per_s = 3.828e33; // the solar luminosity by which the library divided its fluxes

  // Gaussian resolution of the library's spectra: one of the two at most, neither where unknown.
  std::optional<double> resolution_fwhm_angstrom; // the same at all wavelengths, rest frame
  std::optional<double> resolution_sigma_km_s;    // a standard deviation, the same everywhere

  // What the library was before it was brought to the conventions above; for the record.
  std::optional<double> original_zsun; // the solar Z that its metallicities were relative to
  std::string original_medium;         // of its wavelengths: "air", "vacuum" or "" for unknown
  std::string imf, isochrones, stellar_library, source, license;

  Eigen::Index wavelengths() const { return wavelength_angstrom.size(); }
  Eigen::Index ages() const { return age_gyr.size(); }
  Eigen::Index metallicities() const { return log_z_zsun.size(); }

  // [W, ages] the spectra of metallicity node z.
  Eigen::MatrixXd spectra(Eigen::Index z) const {
    const Eigen::Index size = wavelengths() * ages();
    return Eigen::Map<const Eigen::MatrixXf>(flux.data() + z * size, wavelengths(), ages())
        .cast<double>();
  }
};

// Errors: an axis that is empty, not finite or not increasing, an age or wavelength that is not
// positive, arrays whose sizes disagree with the axes, fluxes that are not finite, mass fractions
// outside 0 .. 1, a resolution or solar value that is not positive, two resolutions.
void check(const SspGrid& grid);

// The part of a grid between two rest wavelengths and one node beyond each. What is cut off cannot
// heat dust. Errors: no node between.
SspGrid between(const SspGrid& grid, double low_angstrom, double high_angstrom);

} // namespace lookback::physics
