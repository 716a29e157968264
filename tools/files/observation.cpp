#include "tools/files/observation.hpp"

#include "engine/error.hpp"
#include "tools/files/fits_spectrum.hpp"
#include "tools/files/in_file.hpp"
#include "tools/files/spectra.hpp"
#include "tools/files/text_numbers.hpp"
#include "tools/files/text_spectrum.hpp"

#include <algorithm>
#include <fstream>
#include <sstream>

namespace lookback::tools {
namespace {

constexpr double light_speed_km_s = 299792.458;

// [O I] 5577.34 in air; its sky residual is a few pixels wide and masked 10 Angstrom to either
// side.
constexpr double sky_line_angstrom = 5578.89, sky_half_width_angstrom = 10;

// Rest vacuum wavelengths (NIST) of the nebular lines commonly bright in galaxies, those of pPXF's
// determine_goodpixels and [Ne III], He I; masked 800 km/s to either side as there.
constexpr double emission_lines_angstrom[] = {3727.09, 3729.88, 3869.86, 4102.89, 4341.69,
                                              4862.69, 4960.30, 5008.24, 5877.25, 6302.05,
                                              6549.86, 6564.61, 6585.27, 6718.29, 6732.67};
constexpr double emission_half_width_km_s = 800;

void mask_range(Observation& o, double low, double high, MaskReason reason) {
  for (std::size_t i = 0; i < o.mask.size(); ++i)
    if (o.wavelength_angstrom[i] >= low && o.wavelength_angstrom[i] <= high) o.mask[i] |= reason;
}

void mask_lines(Observation& o, const ObservationOptions& options,
                std::vector<std::string>& warnings) {
  if (options.mask_sky_line)
    mask_range(o, sky_line_angstrom - sky_half_width_angstrom,
               sky_line_angstrom + sky_half_width_angstrom, mask_sky_line);
  if (!options.mask_emission_lines) return;
  if (!std::isfinite(o.redshift)) {
    warnings.push_back("the redshift of " + o.name +
                       " is not known, so its emission lines are not masked");
    return;
  }
  for (const double rest : emission_lines_angstrom) {
    const double line = rest * (1 + o.redshift),
                 half_width = line * emission_half_width_km_s / light_speed_km_s;
    mask_range(o, line - half_width, line + half_width, mask_emission_line);
  }
}

// Flux and ivar that carry no information become 0 and get their bit.
void mask_bad_pixels(Observation& o) {
  for (std::size_t i = 0; i < o.flux.size(); ++i) {
    if (!std::isfinite(o.flux[i]) || !std::isfinite(o.ivar[i])) {
      o.mask[i] |= mask_not_finite;
      o.flux[i] = o.ivar[i] = 0;
    }
    if (!(o.ivar[i] > 0)) {
      o.mask[i] |= mask_no_ivar;
      o.ivar[i] = 0;
    }
  }
}

void check_pixels(const Observation& o) {
  const auto& wavelengths = o.wavelength_angstrom;
  require(!wavelengths.empty(), "the spectrum is empty");
  for (std::size_t i = 0; i < wavelengths.size(); ++i)
    require(std::isfinite(wavelengths[i]) && wavelengths[i] > (i ? wavelengths[i - 1] : 0.0),
            "wavelengths must be positive and increasing (pixel ", i, " is at ", wavelengths[i],
            " Angstrom)");
  const bool informed = std::any_of(o.ivar.begin(), o.ivar.end(), [](double v) { return v > 0; });
  require(informed, "ivar is 0 in every pixel: the spectrum carries no information");
}

template <class T>
std::vector<T> row(const std::vector<T>& table, std::int64_t index, std::size_t length) {
  const auto begin = table.begin() + std::ptrdiff_t(std::size_t(index) * length);
  return table.empty() ? std::vector<T>{} : std::vector<T>(begin, begin + std::ptrdiff_t(length));
}

Observation read_spectra_row(const std::filesystem::path& file, std::int64_t index) {
  const Spectra spectra = read_spectra(file);
  require(index >= 0 && index < spectra.count, "'", file.string(), "' has ", spectra.count,
          " spectra; there is no ", index);
  require(!spectra.ivar.empty(), "'", file.string(),
          "' has no ivar: make mock observations with forward --snr");
  const std::size_t pixels = spectra.wavelength_angstrom.size();
  Observation o;
  o.name = file.stem().string() + " [" + std::to_string(index) + "]";
  o.source = spectra.noiseless.empty() ? "lookback-spectra" : "mock";
  o.wavelength_angstrom = spectra.wavelength_angstrom;
  o.flux = row(spectra.flux_erg_s_cm2_angstrom, index, pixels);
  o.ivar = row(spectra.ivar, index, pixels);
  o.noiseless = row(spectra.noiseless, index, pixels);
  for (double& v : o.flux) v /= o.flux_unit;
  for (double& v : o.noiseless) v /= o.flux_unit;
  for (double& v : o.ivar) v *= o.flux_unit * o.flux_unit;
  o.mask.assign(pixels, 0);
  o.resolution_sigma_km_s = spectra.resolution_sigma_km_s;
  if (const Pairs& truth = spectra.truth; truth.count > 0) {
    o.redshift = truth.redshift[std::size_t(index)];
    o.a_v = truth.a_v[std::size_t(index)];
    if (!truth.sigma_v_km_per_s.empty())
      o.velocity_dispersion_km_s = truth.sigma_v_km_per_s[std::size_t(index)];
    o.true_sfr_msun_per_yr = row(truth.sfr_msun_per_yr, index, std::size_t(truth.bins));
    o.true_log_z_zsun = row(truth.log_z_zsun, index, std::size_t(truth.bins));
    o.true_bin_edges_gyr = truth.bin_edges_gyr;
  }
  return o;
}

Observation read_any(const std::filesystem::path& file, const ObservationOptions& options,
                     std::vector<std::string>& warnings) {
  std::error_code error;
  require(std::filesystem::exists(file, error), "there is no file '", file.string(), "'");
  require(std::filesystem::is_regular_file(file, error), "'", file.string(), "' is not a file");
  char magic[8] = {};
  std::ifstream(file, std::ios::binary).read(magic, sizeof magic);
  const std::string start(magic, sizeof magic);
  if (start.starts_with("SIMPLE")) return read_fits_spectrum(file, options.policy, warnings);
  if (start == "\x89HDF\r\n\x1a\n") return read_spectra_row(file, options.index);
  require(!start.starts_with("\x1f\x8b"), "'", file.string(),
          "' is compressed; unpack it with gunzip");
  return read_text_spectrum(file, options);
}

} // namespace

std::string mask_reason_name(int bit) {
  static const char* const names[mask_reasons] = {"no ivar",         "not finite",    "bright sky",
                                                  "5577 sky line",   "emission line", "user mask",
                                                  "outside SSP grid"};
  require(bit >= 0 && bit < mask_reasons, "there is no mask bit ", bit);
  return names[bit];
}

Observation read_observation(const std::filesystem::path& file, const ObservationOptions& options,
                             std::vector<std::string>& warnings) {
  Observation o = read_any(file, options, warnings);
  if (options.redshift) o.redshift = *options.redshift;
  mask_bad_pixels(o);
  in_file(file, [&] { check_pixels(o); });
  if (o.source != "mock") mask_lines(o, options, warnings);
  for (const auto& [low, high] : options.user_masks) mask_range(o, low, high, mask_user);
  in_file(file, [&] { require_usable(o); });
  return o;
}

std::vector<std::pair<std::string, int>> pixels_lost(const Observation& observation) {
  std::vector<std::pair<std::string, int>> lost;
  const auto count = [&](auto condition) {
    return int(std::count_if(observation.mask.begin(), observation.mask.end(), condition));
  };
  for (int bit = 0; bit < mask_reasons; ++bit)
    lost.emplace_back(mask_reason_name(bit),
                      count([&](std::uint32_t mask) { return (mask >> bit & 1) != 0; }));
  lost.emplace_back("used", count([](std::uint32_t mask) { return mask == 0; }));
  return lost;
}

void require_usable(const Observation& observation) {
  const auto& mask = observation.mask;
  if (std::any_of(mask.begin(), mask.end(), [](auto bits) { return bits == 0; })) return;
  std::string reasons;
  for (const auto& [reason, pixels] : pixels_lost(observation))
    if (pixels > 0)
      reasons += (reasons.empty() ? "" : ", ") + std::to_string(pixels) + " " + reason;
  fail("no pixel of the ", mask.size(), " can be used (", reasons, ")");
}

std::string masked_lines_text() {
  std::ostringstream text;
  text.precision(6);
  text << "the sky line at " << sky_line_angstrom << " +- " << sky_half_width_angstrom
       << " Angstrom; emission lines of the galaxy within " << emission_half_width_km_s
       << " km/s of rest";
  for (const double line : emission_lines_angstrom) text << " " << line;
  return text.str() + " Angstrom (vacuum)";
}

MaskPolicy mask_policy(const std::string& name) {
  if (name == "and") return MaskPolicy::and_mask;
  if (name == "or") return MaskPolicy::or_mask;
  require(name == "none", "the mask policy '", name, "' is not one of and, or, none");
  return MaskPolicy::none;
}

std::pair<double, double> wavelength_range(const std::string& text) {
  const auto range = number_range(text);
  require(range && range->first >= 0 && range->first < range->second, "'", text,
          "' is not a range of wavelengths LO:HI in Angstrom");
  return *range;
}

} // namespace lookback::tools
