#include "tools/files/spectra.hpp"

#include "physics/time_bins.hpp"
#include "tools/files/in_file.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>

namespace lookback::tools {
namespace {

void check_wavelengths(const std::vector<double>& wavelengths) {
  for (std::size_t i = 0; i < wavelengths.size(); ++i)
    require(std::isfinite(wavelengths[i]) && wavelengths[i] > (i ? wavelengths[i - 1] : 0.0),
            "wavelength_angstrom must be positive and increasing (element ", i, " is ",
            wavelengths[i], ")");
}

Pairs read_pairs_part(const H5Reader& reader) {
  Pairs pairs;
  const Extents shape = reader.extents("sfr_msun_per_yr");
  require(shape.size() == 2 && shape[0] > 0 && shape[1] > 0 && shape[1] < 1 << 20, "'",
          reader.file().string(),
          "': dataset 'sfr_msun_per_yr' must have the shape [histories, bins]");
  pairs.count = shape[0];
  pairs.bins = int(shape[1]);
  pairs.sfr_msun_per_yr = reader.read<double>("sfr_msun_per_yr", shape);
  pairs.log_z_zsun = reader.read<double>("log_z_zsun", shape);
  pairs.redshift = reader.read<double>("redshift", {shape[0]});
  pairs.a_v = reader.read<double>("a_v", {shape[0]});
  if (reader.has("sigma_v_km_s"))
    pairs.sigma_v_km_per_s = reader.read<double>("sigma_v_km_s", {shape[0]});
  pairs.bin_edges_gyr = reader.has("bin_edges_gyr")
                            ? reader.read<double>("bin_edges_gyr", {shape[1] + 1})
                            : physics::equal_time_bins(pairs.bins).edges_gyr;
  if (reader.has("wavelength_angstrom"))
    pairs.wavelength_angstrom = reader.read<double>("wavelength_angstrom", {-1});
  in_file(reader.file(), [&] { check(pairs); });
  return pairs;
}

void write_pairs_part(H5Writer& writer, const Pairs& pairs) {
  const Extents cells{pairs.count, pairs.bins};
  writer.write<double>("sfr_msun_per_yr", cells, pairs.sfr_msun_per_yr, "Msun/yr");
  writer.write<double>("log_z_zsun", cells, pairs.log_z_zsun, "log10(Z/0.0142)");
  writer.write<double>("bin_edges_gyr", {pairs.bins + 1}, pairs.bin_edges_gyr, "Gyr");
  writer.write<double>("redshift", {pairs.count}, pairs.redshift);
  writer.write<double>("a_v", {pairs.count}, pairs.a_v, "mag");
  if (!pairs.sigma_v_km_per_s.empty())
    writer.write<double>("sigma_v_km_s", {pairs.count}, pairs.sigma_v_km_per_s, "km/s");
}

// The number before the unit, "1e-17 erg/s/cm2/Angstrom" giving 1e-17; 1 where there is none.
double unit_scale(const H5Reader& reader, const std::string& dataset) {
  if (!reader.has_attribute(dataset, "unit")) return 1;
  const std::string text = reader.text(dataset, "unit");
  double scale = 1;
  const auto result = std::from_chars(text.data(), text.data() + text.size(), scale);
  if (result.ec != std::errc()) return 1;
  require(scale > 0 && std::isfinite(scale), "'", reader.file().string(), "': the unit '", text,
          "' of '", dataset, "' begins with a number that is not positive");
  return scale;
}

} // namespace

void check(const Pairs& pairs) {
  physics::check(physics::TimeBins{pairs.bin_edges_gyr});
  check_wavelengths(pairs.wavelength_angstrom);
  for (std::int64_t i = 0; i < pairs.count; ++i) {
    require(pairs.redshift[i] >= 0, "redshift of row ", i, " is ", pairs.redshift[i],
            ", expected 0 or more");
    require(pairs.a_v[i] >= 0, "a_v of row ", i, " is ", pairs.a_v[i],
            ", expected 0 or more magnitudes");
  }
  for (const double sigma_v : pairs.sigma_v_km_per_s)
    require(sigma_v >= 0, "a sigma_v_km_s is ", sigma_v, ", expected 0 or more");
}

bool is_pairs_file(const std::filesystem::path& file) {
  const H5Reader reader(file);
  return reader.has("redshift") && reader.has("a_v");
}

Pairs read_pairs(const std::filesystem::path& file) {
  return read_pairs_part(H5Reader(file));
}

void write_spectra(const OutputFile& output, const Spectra& spectra) {
  H5Writer writer(output.path, output.overwrite);
  write_preamble(writer, "lookback-spectra", output);
  const auto pixels = std::int64_t(spectra.wavelength_angstrom.size());
  const Extents shape{spectra.count, pixels};
  const std::string unit = "erg/s/cm2/Angstrom";
  writer.write<double>("wavelength_angstrom", {pixels}, spectra.wavelength_angstrom, "Angstrom");
  writer.write<double>("flux_erg_s_cm2_angstrom", shape, spectra.flux_erg_s_cm2_angstrom, unit);
  if (!spectra.inside.empty()) writer.write<std::uint8_t>("inside", shape, spectra.inside);
  if (!spectra.jacobian.empty())
    writer.write<double>("jacobian", {spectra.count, pixels, 2 * spectra.truth.bins},
                         spectra.jacobian, unit + " per Msun/yr, then per dex");
  if (!spectra.ivar.empty()) writer.write<double>("ivar", shape, spectra.ivar, "(" + unit + ")^-2");
  if (!spectra.noiseless.empty()) writer.write<double>("noiseless", shape, spectra.noiseless, unit);
  if (!spectra.resolution_sigma_km_s.empty())
    writer.write<double>("resolution_sigma_km_s", {pixels}, spectra.resolution_sigma_km_s, "km/s");
  if (spectra.truth.count > 0) write_pairs_part(writer, spectra.truth);
  writer.commit();
}

Spectra read_spectra(const std::filesystem::path& file) {
  const H5Reader reader(file);
  reader.require_format("lookback-spectra");
  Spectra spectra;
  spectra.wavelength_angstrom = reader.read<double>("wavelength_angstrom", {-1});
  in_file(file, [&] { check_wavelengths(spectra.wavelength_angstrom); });
  const auto pixels = std::int64_t(spectra.wavelength_angstrom.size());
  const auto values = [&](const std::string& name, int power) {
    auto read = reader.read<double>(name, {-1, pixels});
    const double scale = std::pow(unit_scale(reader, "flux_erg_s_cm2_angstrom"), power);
    for (double& value : read) value *= scale;
    return read;
  };
  spectra.flux_erg_s_cm2_angstrom = values("flux_erg_s_cm2_angstrom", 1);
  spectra.count = pixels > 0 ? std::int64_t(spectra.flux_erg_s_cm2_angstrom.size()) / pixels : 0;
  require(spectra.count > 0, "'", file.string(), "' holds no spectrum");
  if (reader.has("inside"))
    spectra.inside = reader.read<std::uint8_t>("inside", {spectra.count, pixels});
  if (reader.has("ivar")) spectra.ivar = values("ivar", -2);
  if (reader.has("noiseless")) spectra.noiseless = values("noiseless", 1);
  for (const auto* part : {&spectra.ivar, &spectra.noiseless})
    require(part->empty() || part->size() == spectra.flux_erg_s_cm2_angstrom.size(), "'",
            file.string(), "': ivar and noiseless must have the shape of the flux, [",
            spectra.count, ", ", pixels, "]");
  if (reader.has("resolution_sigma_km_s"))
    spectra.resolution_sigma_km_s = reader.read<double>("resolution_sigma_km_s", {pixels});
  if (reader.has("sfr_msun_per_yr")) {
    spectra.truth = read_pairs_part(reader);
    require(spectra.truth.count == spectra.count, "'", file.string(), "' has ", spectra.truth.count,
            " true histories for ", spectra.count, " spectra");
  }
  return spectra;
}

} // namespace lookback::tools
