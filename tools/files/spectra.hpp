// lookback-spectra: model spectra and mock observations on one wavelength grid, and the input of
// `forward`: histories, each with its redshift, dust and velocity dispersion (`pairs`).
#pragma once

#include "tools/files/output.hpp"

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace lookback::tools {

// One history and one geometry per spectrum.
struct Pairs {
  std::int64_t count = 0;
  int bins = 0;
  std::vector<double> sfr_msun_per_yr, log_z_zsun; // [count, bins]
  std::vector<double> bin_edges_gyr;               // [bins + 1]; `bins` equal bins where not stored
  std::vector<double> redshift, a_v;               // [count]
  std::vector<double> wavelength_angstrom;         // [W] observed frame, vacuum; may be empty
  std::vector<double> sigma_v_km_per_s = {};       // [count] of the stars; may be empty
};

// Errors: redshift, a_v or sigma_v < 0; edges or wavelengths that are not increasing.
void check(const Pairs& pairs);

struct Spectra {
  std::int64_t count = 0;
  std::vector<double> wavelength_angstrom;     // [W] observed frame, vacuum, increasing
  std::vector<double> flux_erg_s_cm2_angstrom; // [count, W]
  std::vector<std::uint8_t> inside;          // [count, W] 0: beyond the SSP grid, flux 0; or empty
  std::vector<double> jacobian;              // [count, W, 2 bins] or empty
  std::vector<double> ivar, noiseless;       // [count, W] of mocks (cm2 s A / erg)^2, or empty
  std::vector<double> resolution_sigma_km_s; // [W] of the instrument, or empty
  Pairs truth;                               // what the spectra were computed from
};

// Whether the file holds pairs (it has redshift, a_v); otherwise it must be lookback-histories.
bool is_pairs_file(const std::filesystem::path& file);

// Errors: those of H5Reader and check; shapes that disagree.
Pairs read_pairs(const std::filesystem::path& file);

void write_spectra(const OutputFile& output, const Spectra& spectra);
Spectra read_spectra(const std::filesystem::path& file); // without the Jacobian

} // namespace lookback::tools
