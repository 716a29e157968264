#include "tools/prepare/synthesizer_ssp.hpp"

#include "engine/hdf5.hpp"
#include "tools/files/in_file.hpp"

#include <algorithm>
#include <cmath>

namespace lookback::tools {
namespace {

std::string without(std::string text, const std::string& characters) {
  std::erase_if(text, [&](char c) { return characters.find(c) != std::string::npos; });
  return text;
}

struct Source {
  const H5Reader& reader;

  template <class... Parts> [[noreturn]] void refuse(const Parts&... parts) const {
    fail("'", reader.file().string(), "': ", parts...);
  }

  // What the attribute Units says, or `unsaid`.
  std::string unit(const std::string& dataset, const std::string& unsaid) const {
    const bool said = reader.has_attribute(dataset, "Units");
    return said ? without(reader.text(dataset, "Units"), " ") : unsaid;
  }

  Eigen::VectorXd axis(const std::string& dataset) const {
    const auto values = reader.read<double>(dataset, {-1});
    return Eigen::VectorXd::Map(values.data(), Eigen::Index(values.size()));
  }

  // Of several names that an axis has had, the one this file uses.
  std::string name_of(const std::string& what, const std::vector<std::string>& names) const {
    for (const auto& name : names)
      if (reader.has("axes/" + name)) return "axes/" + name;
    refuse("there is no axis of ", what, " in the group 'axes' (looked for ", names.front(),
           " and older names); is this a Synthesizer grid?");
  }

  Eigen::VectorXd ages_gyr() const {
    const std::string name = name_of("ages", {"ages", "age", "log10ages", "log10age"});
    const Eigen::VectorXd values = axis(name);
    if (name.find("log10") != std::string::npos)
      return values.unaryExpr([](double log_yr) { return std::pow(10, log_yr - 9); });
    const std::string given = unit(name, "yr");
    const double gyr = given == "yr" ? 1e-9 : given == "Myr" ? 1e-3 : given == "Gyr" ? 1 : 0;
    if (gyr == 0) refuse("dataset '", name, "' is in '", given, "'; expected yr, Myr or Gyr");
    return values * gyr;
  }

  Eigen::VectorXd log_z_zsun() const {
    const std::string name = name_of("metallicities", {"metallicities", "metallicity"});
    return in_file(reader.file(), [&] {
      return Eigen::VectorXd(axis(name).unaryExpr([](double z) { return log_z_of(z); }));
    });
  }

  Eigen::VectorXd wavelengths_angstrom() const {
    const std::string name = "spectra/wavelength", given = unit(name, "angstrom");
    for (const char* angstrom : {"angstrom", "Angstrom", "A", "AA", "\u00c5"})
      if (given == angstrom) return axis(name);
    refuse("dataset '", name, "' is in '", given, "'; expected Angstrom");
  }

  void require_per_hz(const std::string& dataset) const {
    const std::string given = unit(dataset, "erg/s/Hz");
    for (const char* known : {"erg/s/Hz", "erg/Hz/s", "erg/(Hz*s)", "erg/(s*Hz)",
                              "erg*s**-1*Hz**-1", "erg*Hz**-1*s**-1"})
      if (given == known) return;
    refuse("dataset '", dataset, "' is in '", given, "'; expected erg/s/Hz");
  }

  std::string model(const std::string& attribute) const {
    const bool said = reader.has("Model") && reader.has_attribute("Model", attribute) &&
                      reader.attribute_is_text("Model", attribute);
    return said ? reader.text("Model", attribute) : "";
  }
};

} // namespace

physics::SspGrid import_synthesizer_ssp(const std::filesystem::path& file,
                                        const std::string& spectra, const SspFacts& facts) {
  const H5Reader reader(file);
  const Source source{reader};
  physics::SspGrid grid;
  grid.age_gyr = source.ages_gyr();
  grid.log_z_zsun = source.log_z_zsun();
  grid.wavelength_angstrom = source.wavelengths_angstrom();
  const auto ages = grid.ages(), metallicities = grid.metallicities(), pixels = grid.wavelengths();
  if (const auto axes = reader.list("axes"); axes.size() != 2)
    source.refuse("the grid has ", axes.size(), " axes; expected ages and metallicities alone");
  const std::string dataset = "spectra/" + spectra;
  source.require_per_hz(dataset);
  const auto per_hz = reader.read<double>(dataset, {ages, metallicities, pixels});
  grid.flux.resize(per_hz.size());
  for (Eigen::Index z = 0; z < metallicities; ++z)
    for (Eigen::Index a = 0; a < ages; ++a)
      for (Eigen::Index w = 0; w < pixels; ++w) {
        const double erg_per_s = per_angstrom(
            per_hz[std::size_t((a * metallicities + z) * pixels + w)], grid.wavelength_angstrom[w]);
        grid.flux[std::size_t((z * ages + a) * pixels + w)] =
            float(erg_per_s / facts.lsun_erg_per_s.value_or(grid.lsun_erg_per_s));
      }
  grid.imf = source.model("imf_type");
  grid.source = "Synthesizer grid " + file.filename().string() + ", spectra '" + spectra + "'";
  if (const auto name = source.model("sps_name"); !name.empty()) grid.source += ", " + name;
  finish_import(file, grid, facts, "vacuum");
  return grid;
}

} // namespace lookback::tools
