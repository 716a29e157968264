#include "tools/prepare/dsps_ssp.hpp"

#include "engine/hdf5.hpp"
#include "tools/files/in_file.hpp"

#include <cmath>

namespace lookback::tools {
namespace {

constexpr double fsps_lsun_erg_per_s = 3.839e33;

Eigen::VectorXd axis(const H5Reader& reader, const std::string& name) {
  const auto values = reader.read<double>(name, {-1});
  return Eigen::VectorXd::Map(values.data(), Eigen::Index(values.size()));
}

} // namespace

physics::SspGrid import_dsps_ssp(const std::filesystem::path& file, const SspFacts& facts) {
  const H5Reader reader(file);
  physics::SspGrid grid;
  grid.wavelength_angstrom = axis(reader, "ssp_wave");
  const Eigen::VectorXd log_age =
      axis(reader, reader.has("ssp_lg_age_gyr") ? "ssp_lg_age_gyr" : "ssp_lg_age");
  grid.age_gyr = log_age.unaryExpr([](double log_gyr) { return std::pow(10, log_gyr); });
  const Eigen::VectorXd log_z = axis(reader, "ssp_lgmet");
  grid.log_z_zsun = in_file(file, [&] {
    return Eigen::VectorXd(log_z.unaryExpr([](double lgmet) {
      require(lgmet < 0, "dataset 'ssp_lgmet' holds ", lgmet,
              "; expected log10 of absolute metallicities, which are negative");
      return log_z_of(std::pow(10, lgmet));
    }));
  });
  const auto flux =
      reader.read<double>("ssp_flux", {grid.metallicities(), grid.ages(), grid.wavelengths()});
  grid.flux.resize(flux.size());
  for (std::size_t i = 0; i < flux.size(); ++i)
    grid.flux[i] = float(
        per_angstrom(flux[i], grid.wavelength_angstrom[Eigen::Index(i) % grid.wavelengths()]));
  grid.lsun_erg_per_s = fsps_lsun_erg_per_s;
  grid.source = "DSPS file " + file.filename().string();
  finish_import(file, grid, facts, "vacuum");
  return grid;
}

} // namespace lookback::tools
