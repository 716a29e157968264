#include "tools/files/ssp.hpp"

#include "tools/files/in_file.hpp"

#include <array>
#include <utility>

namespace lookback::tools {
namespace {

using RowMajor = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

template <class Grid> auto text_attributes(Grid& grid) {
  return std::array{std::pair("imf", &grid.imf),
                    std::pair("isochrones", &grid.isochrones),
                    std::pair("stellar_library", &grid.stellar_library),
                    std::pair("original_medium", &grid.original_medium),
                    std::pair("source", &grid.source),
                    std::pair("license", &grid.license)};
}

template <class Grid> auto optional_numbers(Grid& grid) {
  return std::array{std::pair("original_zsun", &grid.original_zsun),
                    std::pair("resolution_fwhm_angstrom", &grid.resolution_fwhm_angstrom),
                    std::pair("resolution_sigma_km_s", &grid.resolution_sigma_km_s)};
}

Eigen::VectorXd read_axis(const H5Reader& reader, const std::string& name) {
  const auto values = reader.read<double>(name, {-1});
  return Eigen::VectorXd::Map(values.data(), Eigen::Index(values.size()));
}

} // namespace

physics::SspGrid read_ssp(const std::filesystem::path& file) {
  const H5Reader reader(file);
  reader.require_format("lookback-ssp");
  physics::SspGrid grid;
  grid.wavelength_angstrom = read_axis(reader, "wavelength_angstrom");
  grid.age_gyr = read_axis(reader, "age_gyr");
  grid.log_z_zsun = read_axis(reader, "log_z_zsun");
  const Extents nodes{grid.metallicities(), grid.ages()};
  grid.flux = reader.read<float>("flux_lsun_per_angstrom_per_msun",
                                 {nodes[0], nodes[1], grid.wavelengths()});
  if (reader.has("surviving_mass_fraction")) {
    const auto fractions = reader.read<double>("surviving_mass_fraction", nodes);
    grid.surviving_mass_fraction = RowMajor::Map(fractions.data(), nodes[0], nodes[1]);
  }
  if (reader.has_attribute("/", "lsun_erg_s"))
    grid.lsun_erg_per_s = reader.number("/", "lsun_erg_s");
  for (const auto& [name, text] : text_attributes(grid))
    if (reader.has_attribute("/", name)) *text = reader.text("/", name);
  for (const auto& [name, number] : optional_numbers(grid))
    if (reader.has_attribute("/", name)) *number = reader.number("/", name);
  in_file(file, [&] { check(grid); });
  return grid;
}

void write_ssp(const OutputFile& output, const physics::SspGrid& grid) {
  check(grid);
  H5Writer writer(output.path, output.overwrite);
  write_preamble(writer, "lookback-ssp", output);
  for (const auto& [name, text] : text_attributes(grid)) writer.attribute("/", name, *text);
  writer.attribute("/", "lsun_erg_s", grid.lsun_erg_per_s);
  for (const auto& [name, number] : optional_numbers(grid))
    if (*number) writer.attribute("/", name, **number);
  const auto axis = [&](const std::string& name, const Eigen::VectorXd& values,
                        const std::string& unit) {
    writer.write<double>(name, {values.size()}, {values.data(), std::size_t(values.size())}, unit);
  };
  axis("wavelength_angstrom", grid.wavelength_angstrom, "Angstrom");
  axis("age_gyr", grid.age_gyr, "Gyr");
  axis("log_z_zsun", grid.log_z_zsun, "log10(Z/0.0142)");
  writer.write<float>("flux_lsun_per_angstrom_per_msun",
                      {grid.metallicities(), grid.ages(), grid.wavelengths()}, grid.flux,
                      "Lsun/Angstrom/Msun formed");
  if (grid.surviving_mass_fraction) {
    const RowMajor fractions = *grid.surviving_mass_fraction;
    writer.write<double>("surviving_mass_fraction", {grid.metallicities(), grid.ages()},
                         {fractions.data(), std::size_t(fractions.size())}, "Msun/Msun formed");
  }
  writer.commit();
}

} // namespace lookback::tools
