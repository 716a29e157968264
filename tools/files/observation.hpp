// One observed spectrum with the reasons why pixels are not used, from any of the files read: FITS
// of SDSS and of ESO's archive, lookback-spectra HDF5, plain text.
#pragma once

#include <cmath>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace lookback::tools {

// Bits of Observation::mask. A pixel with several reasons has several bits.
enum MaskReason : std::uint32_t {
  mask_no_ivar = 1u << 0,       // ivar = 0: no information
  mask_not_finite = 1u << 1,    // flux or ivar is NaN or Inf
  mask_bright_sky = 1u << 2,    // BRIGHTSKY in the SDSS mask chosen by the policy
  mask_sky_line = 1u << 3,      // the night-sky line [O I] 5577
  mask_emission_line = 1u << 4, // nebular emission of the galaxy, not in the model
  mask_user = 1u << 5,          // a range given by the user
  mask_outside_grid = 1u << 6,  // beyond the SSP grid; set by whoever builds the model
};
inline constexpr int mask_reasons = 7;
std::string mask_reason_name(int bit); // "no ivar", "not finite", …

struct Observation {
  std::vector<double> wavelength_angstrom;   // [W] vacuum, observed frame, increasing
  std::vector<double> flux;                  // [W] F_lambda in flux_unit; 0 where not finite
  std::vector<double> ivar;                  // [W] 1 / flux_unit^2; 0 where there is no information
  std::vector<std::uint32_t> mask;           // [W] bits of MaskReason; 0: used
  double flux_unit = 1e-17;                  // erg / s / cm2 / Angstrom
  double redshift = NAN;                     // NaN: not known
  double a_v = NAN;                          // of a mock; NaN: not known
  double velocity_dispersion_km_s = NAN;     // NaN: not known
  std::vector<double> resolution_sigma_km_s; // [W] instrumental (SDSS wdisp), or empty
  std::string name, source;                  // of the object; kind of file
  std::vector<double> true_sfr_msun_per_yr, true_log_z_zsun; // [bins] of a mock, or empty
  std::vector<double> true_bin_edges_gyr;                    // [bins + 1]
  std::vector<double> noiseless;                             // [W] of a mock, or empty
};

enum class MaskPolicy { and_mask, or_mask, none }; // where BRIGHTSKY is looked for

struct ObservationOptions {
  std::int64_t index = 0;         // row of a lookback-spectra file
  std::optional<double> redshift; // in place of the file's
  MaskPolicy policy = MaskPolicy::and_mask;
  std::vector<std::pair<double, double>> user_masks; // observed frame, vacuum Angstrom
  bool mask_sky_line = true, mask_emission_lines = true;
  // Plain text only:
  double angstrom_per_unit = 1; // of the wavelength column: 10 for nm, 1e4 for micron
  bool air_wavelengths = false;
  double text_flux_unit = 1e-17; // erg / s / cm2 / Angstrom of the flux and error columns
};

// Mocks have neither sky nor emission lines, so those masks are not set for them. Without a
// redshift emission lines are not masked. `warnings` receives one sentence each for what a user
// should know (pipeline warnings, class, an unknown redshift). Errors: missing or truncated file,
// HDU or column; wavelengths not increasing; ivar zero everywhere; no pixel left.
Observation read_observation(const std::filesystem::path& file, const ObservationOptions& options,
                             std::vector<std::string>& warnings);

// Pixels lost, by reason, in the order of the bits; a pixel with two reasons counts in both. The
// last entry is ("used", pixels with mask 0).
std::vector<std::pair<std::string, int>> pixels_lost(const Observation& observation);

// Errors: no pixel is used.
void require_usable(const Observation& observation);

// The sky and emission lines that are masked, for people: wavelengths in Angstrom and widths.
std::string masked_lines_text();

MaskPolicy mask_policy(const std::string& name);                     // "and", "or", "none"
std::pair<double, double> wavelength_range(const std::string& text); // "LO:HI", Angstrom

} // namespace lookback::tools
