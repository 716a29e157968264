#include "tools/files/sdss.hpp"

#include "engine/error.hpp"
#include "tools/files/fits.hpp"
#include "tools/files/fits_units.hpp"

#include <cmath>

namespace lookback::tools {
namespace {

constexpr std::int64_t brightsky = 1 << 23; // SPPIXMASK, SDSS data model
constexpr double pixel_km_s = 69.029764;    // c ln(10) 1e-4

// Of the selected table: BRIGHTSKY in the mask chosen by the policy.
void mask_sky(FitsReader& fits, MaskPolicy policy, Observation& o) {
  o.mask.assign(o.flux.size(), 0);
  if (policy == MaskPolicy::none) return;
  const auto bits = fits.integer_column(policy == MaskPolicy::and_mask ? "and_mask" : "or_mask");
  for (std::size_t i = 0; i < bits.size(); ++i)
    if (bits[i] & brightsky) o.mask[i] |= mask_bright_sky;
}

void read_coadd(FitsReader& fits, MaskPolicy policy, Observation& o) {
  fits.select(1, "the coadded spectrum");
  o.flux = fits.column("flux");
  o.ivar = fits.column("ivar");
  for (const double loglam : fits.column("loglam"))
    o.wavelength_angstrom.push_back(std::pow(10, loglam));
  mask_sky(fits, policy, o);
  if (fits.has_column("wdisp")) {
    o.resolution_sigma_km_s = fits.column("wdisp");
    for (double& sigma : o.resolution_sigma_km_s) sigma *= pixel_km_s;
  }
}

void read_object(FitsReader& fits, Observation& o, std::vector<std::string>& warnings) {
  fits.select(2, "the table of the object");
  const auto redshift = fits.column("z");
  require(redshift.size() == 1, "'", o.name, "': the table of the object has ", redshift.size(),
          " rows, expected 1");
  o.redshift = redshift[0];
  if (fits.has_column("vdisp")) o.velocity_dispersion_km_s = fits.column("vdisp").at(0);
  if (!(o.velocity_dispersion_km_s > 0)) o.velocity_dispersion_km_s = NAN;
  if (fits.has_column("class") && fits.text_cell("class") != "GALAXY")
    warnings.push_back("the pipeline classed " + o.name + " as " + fits.text_cell("class") +
                       ", not as a galaxy");
  const auto flags = fits.has_column("zwarning") ? fits.integer_column("zwarning").at(0) : 0;
  if (flags != 0)
    warnings.push_back("the pipeline doubts the redshift of " + o.name + " (ZWARNING " +
                       std::to_string(flags) + ")");
}

} // namespace

Observation read_sdss(const std::filesystem::path& file, MaskPolicy policy,
                      std::vector<std::string>& warnings) {
  FitsReader fits(file);
  Observation o;
  o.name = file.stem().string();
  o.source = "SDSS";
  read_coadd(fits, policy, o);
  read_object(fits, o, warnings);
  return o;
}

Observation read_old_sdss(const std::filesystem::path& file, MaskPolicy policy) {
  FitsReader fits(file);
  fits.select(1, "the spectrum");
  Observation o;
  o.name = file.stem().string();
  o.source = "SDSS, older layout";
  o.wavelength_angstrom = fits.column("wavelength");
  o.flux = fits.column("flux");
  o.ivar = fits.column("inverse_variance");
  if (const std::string unit = fits.keyword("BUNIT"); !unit.empty())
    set_flux_unit(o, erg_per_s_cm2_angstrom(unit));
  mask_sky(fits, policy, o);
  o.redshift = number_in(fits.keyword("Z"));
  const double dispersion = number_in(fits.keyword("VEL_DIS"));
  if (dispersion > 0) o.velocity_dispersion_km_s = dispersion;
  return o;
}

} // namespace lookback::tools
