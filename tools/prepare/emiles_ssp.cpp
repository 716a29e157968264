#include "tools/prepare/emiles_ssp.hpp"

#include "engine/error.hpp"
#include "tools/files/fits.hpp"
#include "tools/files/text_numbers.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <regex>
#include <sstream>

namespace lookback::tools {
namespace {

namespace fs = std::filesystem;

constexpr double basti_zsun = 0.0198, padova_zsun = 0.019;
constexpr double miles_fwhm_angstrom = 2.51;

struct NamedSsp {
  fs::path file;
  std::string family; // the name without metallicity and age
  std::string library, imf, slope, isochrones;
  double metallicity, age_gyr;
};

bool read_name(const fs::path& file, NamedSsp& ssp) {
  static const std::regex form(R"(([EM])(un|bi|ku|kb|ch)(\d\.\d\d)Z([mp])(\d\.\d\d)T(\d\d\.\d{4}))"
                               R"((?:_i([TP]))?(.*)\.fits)");
  std::smatch part;
  const std::string name = file.filename().string();
  if (!std::regex_match(name, part, form)) return false;
  ssp.file = file;
  ssp.library = part[1];
  ssp.imf = part[2];
  ssp.slope = part[3];
  ssp.metallicity = std::stod(part[5]) * (part[4] == "m" ? -1 : 1);
  ssp.age_gyr = std::stod(part[6]);
  ssp.isochrones = part[7].matched ? part[7].str() : "P"; // MILES before 2015: Padova alone
  ssp.family = ssp.library + ssp.imf + ssp.slope + ssp.isochrones + part[8].str();
  return true;
}

std::vector<NamedSsp> named_ssps(const std::vector<fs::path>& inputs) {
  std::vector<NamedSsp> ssps;
  for (const fs::path& input : inputs) {
    std::error_code error;
    require(fs::exists(input, error), "there is no file or folder '", input.string(), "'");
    NamedSsp ssp;
    if (fs::is_directory(input, error)) {
      for (const auto& entry : fs::directory_iterator(input, error))
        if (read_name(entry.path(), ssp)) ssps.push_back(ssp);
      require(!error, "the folder '", input.string(), "' cannot be read: ", error.message());
    } else {
      require(read_name(input, ssp), "'", input.string(),
              "' is not named as E-MILES files are, such as "
              "Eku1.30Zm0.66T05.0000_iTp0.00_baseFe.fits, where age and metallicity stand");
      ssps.push_back(ssp);
    }
  }
  require(!ssps.empty(), "no E-MILES file, such as Eku1.30Zm0.66T05.0000_iTp0.00_baseFe.fits, in '",
          inputs.front().string(), "'");
  for (const NamedSsp& ssp : ssps)
    require(ssp.family == ssps[0].family, "'", ssp.file.string(), "' and '", ssps[0].file.string(),
            "' are of different models; give files of one IMF, isochrones and abundance");
  return ssps;
}

struct Axis {
  double first, step;
  std::int64_t pixels;
  bool operator==(const Axis&) const = default;
};

// A number of the header; `unsaid` where it is missing.
double header_number(FitsReader& fits, const fs::path& file, const std::string& key,
                     std::optional<double> unsaid = {}) {
  const std::string text = fits.keyword(key);
  if (text.empty() && unsaid) return *unsaid;
  const auto numbers = text_numbers(text);
  require(numbers.size() == 1, "'", file.string(), "': the header has no number ", key,
          "; CRVAL1 and CDELT1 tell the wavelengths of a MILES file");
  return numbers[0];
}

Axis read_axis(FitsReader& fits, const fs::path& file) {
  const auto extents = fits.image_extents();
  require(extents.size() == 1, "'", file.string(), "': the primary HDU is an image of ",
          extents.size(), " axes; expected 1, the wavelengths");
  const std::string unit = fits.keyword("CUNIT1");
  require(unit.empty() || unit == "Angstrom" || unit == "ANGSTROM" || unit == "angstrom" ||
              unit == "A",
          "'", file.string(), "': CUNIT1 says that the wavelengths are in '", unit,
          "'; expected Angstrom");
  const double step = header_number(fits, file, "CDELT1");
  const double reference = header_number(fits, file, "CRPIX1", 1);
  const Axis axis{header_number(fits, file, "CRVAL1") + (1 - reference) * step, step, extents[0]};
  require(axis.pixels >= 2 && std::isfinite(axis.first) && std::isfinite(step) && step > 0 &&
              axis.first > 100,
          "'", file.string(), "': first wavelength ", axis.first, ", step ", step, " and ",
          axis.pixels, " pixels (CRVAL1, CDELT1, NAXIS1) are no increasing axis in Angstrom; ",
          "logarithmic axes are not read");
  return axis;
}

struct Spectrum {
  std::vector<float> flux;
  std::size_t with_data; // pixels up to the last that is not 0
};

Spectrum read_spectrum(const fs::path& file, Axis& axis) {
  FitsReader fits(file);
  fits.select(0, "the spectrum");
  axis = read_axis(fits, file);
  const auto pixels = fits.image();
  Spectrum spectrum{{pixels.begin(), pixels.end()}, pixels.size()};
  for (const float flux : spectrum.flux)
    require(std::isfinite(flux), "'", file.string(), "': the spectrum holds NaN or Inf");
  while (spectrum.with_data > 0 && spectrum.flux[spectrum.with_data - 1] == 0) --spectrum.with_data;
  require(spectrum.with_data >= 2, "'", file.string(), "': the spectrum is zero everywhere");
  return spectrum;
}

std::string sentence_of_cut(const Axis& axis, std::size_t kept, const NamedSsp& oldest) {
  std::ostringstream sentence;
  sentence << "wavelengths are cut at " << axis.first + double(kept - 1) * axis.step
           << " Angstrom (air), where SSPs of up to " << oldest.age_gyr
           << " Gyr end; --min-age above that keeps the whole range without them";
  return sentence.str();
}

std::string imf_in_words(const NamedSsp& ssp) {
  static const std::map<std::string, std::string> words{{"un", "unimodal"},
                                                        {"bi", "bimodal"},
                                                        {"ku", "Kroupa universal"},
                                                        {"kb", "Kroupa revised"},
                                                        {"ch", "Chabrier"}};
  return words.at(ssp.imf) + ", slope " + ssp.slope;
}

Eigen::VectorXd nodes(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  values.erase(std::unique(values.begin(), values.end()), values.end());
  return Eigen::VectorXd::Map(values.data(), Eigen::Index(values.size()));
}

} // namespace

physics::SspGrid import_emiles_ssp(const std::vector<fs::path>& inputs, double min_age_gyr,
                                   const SspFacts& facts, std::vector<std::string>& notes) {
  std::map<std::pair<double, double>, NamedSsp> ssps; // by metallicity and age
  std::vector<double> metallicities, ages;
  for (const NamedSsp& ssp : named_ssps(inputs)) {
    if (ssp.age_gyr < min_age_gyr) continue;
    const bool added = ssps.emplace(std::pair(ssp.metallicity, ssp.age_gyr), ssp).second;
    require(added, "'", ssp.file.string(), "': a second SSP of [M/H] ", ssp.metallicity, " and ",
            ssp.age_gyr, " Gyr");
    metallicities.push_back(ssp.metallicity);
    ages.push_back(ssp.age_gyr);
  }
  require(!ssps.empty(), "--min-age ", min_age_gyr, " leaves no SSP");

  physics::SspGrid grid;
  grid.age_gyr = nodes(ages);
  const Eigen::VectorXd log_z = nodes(metallicities);
  std::vector<Spectrum> spectra;
  std::optional<Axis> axis;
  std::optional<NamedSsp> shortest;
  std::size_t kept = SIZE_MAX;
  for (const double z : log_z)
    for (const double age : grid.age_gyr) {
      const auto found = ssps.find({z, age});
      require(found != ssps.end(), "'", inputs.front().string(), "' holds no SSP of [M/H] ", z,
              " and ", age, " Gyr; a grid needs every age at every metallicity");
      const NamedSsp& ssp = found->second;
      Axis own{};
      spectra.push_back(read_spectrum(ssp.file, own));
      require(own == axis.value_or(own), "'", ssp.file.string(),
              "' has another wavelength axis than the files before it");
      axis = own;
      const std::size_t end = spectra.back().with_data;
      kept = std::min(kept, end);
      if (end < std::size_t(own.pixels) && (!shortest || ssp.age_gyr > shortest->age_gyr))
        shortest = ssp;
    }
  if (shortest) notes.push_back(sentence_of_cut(*axis, kept, *shortest));

  grid.wavelength_angstrom = Eigen::VectorXd::NullaryExpr(
      Eigen::Index(kept), [&](Eigen::Index i) { return axis->first + double(i) * axis->step; });
  for (const Spectrum& spectrum : spectra)
    grid.flux.insert(grid.flux.end(), spectrum.flux.begin(),
                     spectrum.flux.begin() + std::ptrdiff_t(kept));
  const NamedSsp& any = ssps.begin()->second;
  const bool basti = any.isochrones == "T";
  grid.original_zsun = facts.zsun.value_or(basti ? basti_zsun : padova_zsun);
  grid.log_z_zsun = log_z.unaryExpr([&](double m_h) { return log_z_of(m_h, *grid.original_zsun); });
  grid.imf = imf_in_words(any);
  grid.isochrones = basti ? "BaSTI (Pietrinferni et al. 2004)" : "Padova 2000 (Girardi et al.)";
  grid.stellar_library = any.library == "E" ? "E-MILES" : "MILES";
  grid.resolution_fwhm_angstrom = miles_fwhm_angstrom;
  grid.source = std::to_string(ssps.size()) + " files such as " + any.file.filename().string() +
                " (Vazdekis et al. 2010, MNRAS 404, 1639; 2016, MNRAS 463, 3409)";
  finish_import(inputs.front(), grid, facts, "air");
  return grid;
}

} // namespace lookback::tools
