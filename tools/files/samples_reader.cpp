// Reads back what write_samples wrote.
#include "tools/files/samples.hpp"

#include "tools/files/in_file.hpp"

#include <algorithm>

namespace lookback::tools {
namespace {

using Names = std::vector<std::string>;

bool contains(const Names& names, const std::string& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

std::string unit_of(const H5Reader& reader, const std::string& dataset) {
  return reader.has_attribute(dataset, "unit") ? reader.text(dataset, "unit") : "";
}

// The members of a group that have this shape, but for those named.
std::vector<Quantity> read_quantities(const H5Reader& reader, const std::string& group,
                                      const Extents& shape, const Names& others) {
  std::vector<Quantity> quantities;
  if (!reader.has(group)) return quantities;
  for (const auto& name : reader.list(group)) {
    const std::string path = group + "/" + name;
    if (contains(others, name) || reader.extents(path) != shape) continue;
    quantities.push_back({name, unit_of(reader, path), reader.read_raw<double>(path)});
  }
  return quantities;
}

double constant(const Samples& samples, const std::string& name) {
  for (const Quantity& q : samples.constants)
    if (q.name == name && q.values.size() == 1) return q.values[0];
  return NAN;
}

void read_observed(const H5Reader& reader, Samples& samples) {
  if (!reader.has("observed_data")) return;
  Observation& o = samples.observation;
  o.wavelength_angstrom = reader.read<double>("observed_data/wavelength", {-1});
  const auto pixels = std::int64_t(o.wavelength_angstrom.size());
  o.flux = reader.read<double>("observed_data/flux", {pixels});
  o.ivar = reader.read<double>("observed_data/ivar", {pixels});
  const auto mask = reader.read<std::int64_t>("observed_data/mask", {pixels});
  o.mask.assign(mask.begin(), mask.end());
  o.name = reader.text("observed_data", "name");
  o.source = reader.text("observed_data", "source");
  o.flux_unit = reader.number("observed_data", "flux_unit");
  o.redshift = constant(samples, "redshift");
  o.a_v = constant(samples, "a_v");
  if (reader.has("posterior_predictive/flux"))
    samples.model_flux =
        reader.read<float>("posterior_predictive/flux", {1, samples.draws, pixels});
  if (reader.has("constant_data/noiseless_flux"))
    o.noiseless = reader.read<double>("constant_data/noiseless_flux", {pixels});
  if (reader.has("constant_data/resolution_sigma_km_s"))
    o.resolution_sigma_km_s = reader.read<double>("constant_data/resolution_sigma_km_s", {pixels});
  if (!reader.has("constant_data/true_sfr_msun_per_yr")) return;
  o.true_sfr_msun_per_yr = reader.read<double>("constant_data/true_sfr_msun_per_yr", {-1});
  const auto bins = std::int64_t(o.true_sfr_msun_per_yr.size());
  o.true_log_z_zsun = reader.read<double>("constant_data/true_log_z_zsun", {bins});
  o.true_bin_edges_gyr = reader.read<double>("constant_data/true_bin_edges_gyr", {bins + 1});
}

} // namespace

Samples read_samples(const std::filesystem::path& file) {
  const H5Reader reader(file);
  reader.require_format("lookback-samples");
  Samples samples;
  samples.posterior = reader.has("posterior");
  const std::string group = samples.posterior ? "posterior" : "prior";
  const Extents shape = reader.extents(group + "/sfr_msun_per_yr");
  require(shape.size() == 3 && shape[0] == 1 && shape[1] > 0 && shape[2] > 0 && shape[2] < 1 << 20,
          "'", file.string(), "': dataset 'sfr_msun_per_yr' must have the shape [1, draws, bins]");
  samples.draws = shape[1];
  samples.bins = int(shape[2]);
  samples.sfr_msun_per_yr = reader.read<float>(group + "/sfr_msun_per_yr", shape);
  samples.log_z_zsun = reader.read<float>(group + "/log_z_zsun", shape);
  samples.bin_edges_gyr = reader.read<double>("constant_data/bin_edges_gyr", {shape[2] + 1});
  samples.quantities =
      read_quantities(reader, group, {1, samples.draws}, {"sfr_msun_per_yr", "log_z_zsun"});
  samples.sample_stats = read_quantities(reader, "sample_stats", {1, samples.draws}, {});
  samples.constants = read_quantities(reader, "constant_data", {}, {});
  if (reader.has("constant_data/bin"))
    samples.bin_constants =
        read_quantities(reader, "constant_data", {shape[2]},
                        {"bin", "bin_edge", "wavelength", "noiseless_flux", "resolution_sigma_km_s",
                         "true_bin", "true_bin_edge", "true_sfr_msun_per_yr", "true_log_z_zsun"});
  read_observed(reader, samples);
  for (const auto& name : reader.attributes("/")) {
    const bool text = reader.attribute_is_text("/", name);
    samples.attributes.emplace_back(name, text ? AttributeValue(reader.text("/", name))
                                               : AttributeValue(reader.number("/", name)));
  }
  return samples;
}

} // namespace lookback::tools
