#include "tools/files/eso.hpp"

#include "tools/files/fits.hpp"
#include "tools/files/fits_units.hpp"
#include "tools/files/in_file.hpp"
#include "tools/files/vacuum.hpp"

#include <cmath>
#include <numbers>

namespace lookback::tools {
namespace {

constexpr double light_speed_km_s = 299792.458;
const double fwhm_in_sigma = 2 * std::sqrt(2 * std::numbers::ln2);

void read_table(FitsReader& fits, Observation& o) {
  fits.select(1, "the spectrum");
  require(fits.rows() == 1, "the table of the spectrum has ", fits.rows(), " rows; expected 1");
  o.wavelength_angstrom = fits.vector_cell("WAVE");
  o.flux = fits.vector_cell("FLUX");
  o.ivar = fits.vector_cell("ERR");
  const std::size_t pixels = o.wavelength_angstrom.size();
  require(o.flux.size() == pixels && o.ivar.size() == pixels, "WAVE has ", pixels, " values, FLUX ",
          o.flux.size(), " and ERR ", o.ivar.size());
  const double unit = angstrom_in(fits.unit("WAVE"));
  const bool air = fits.column_ucd("WAVE").find("obs.atmos") != std::string::npos;
  for (double& w : o.wavelength_angstrom) w = air ? vacuum_from_air(unit * w) : unit * w;
  for (double& v : o.ivar) v = v > 0 && std::isfinite(v) ? 1 / (v * v) : 0;
  set_flux_unit(o, erg_per_s_cm2_angstrom(fits.unit("FLUX")));
  if (fits.has_column("QUAL")) {
    const auto quality = fits.vector_cell("QUAL");
    require(quality.size() == pixels, "WAVE has ", pixels, " values and QUAL ", quality.size());
    for (std::size_t i = 0; i < pixels; ++i)
      if (quality[i] != 0) o.ivar[i] = 0;
  }
  o.mask.assign(pixels, 0);
}

} // namespace

Observation read_eso(const std::filesystem::path& file) {
  FitsReader fits(file);
  Observation o;
  o.name = file.stem().string();
  o.source = "ESO phase 3";
  in_file(file, [&] { read_table(fits, o); });
  fits.select(0, "the primary header");
  const double resolving_power = number_in(fits.keyword("SPEC_RES"));
  if (resolving_power > 0)
    o.resolution_sigma_km_s.assign(o.flux.size(),
                                   light_speed_km_s / (fwhm_in_sigma * resolving_power));
  return o;
}

} // namespace lookback::tools
