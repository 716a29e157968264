#include "tools/files/fits_spectrum.hpp"

#include "engine/error.hpp"
#include "tools/files/eso.hpp"
#include "tools/files/fits.hpp"
#include "tools/files/sdss.hpp"

namespace lookback::tools {

Observation read_fits_spectrum(const std::filesystem::path& file, MaskPolicy policy,
                               std::vector<std::string>& warnings) {
  FitsReader fits(file);
  fits.select(1, "the spectrum");
  if (fits.has_column("loglam")) return read_sdss(file, policy, warnings);
  if (fits.has_column("inverse_variance")) return read_old_sdss(file, policy);
  if (fits.has_column("WAVE")) return read_eso(file);
  fail("'", file.string(),
       "': HDU 1 has no column 'loglam' (SDSS), 'inverse_variance' (older SDSS) ",
       "or 'WAVE' (ESO phase 3): write the spectrum as text with wavelength, flux and error");
}

} // namespace lookback::tools
