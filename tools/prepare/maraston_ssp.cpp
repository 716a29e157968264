#include "tools/prepare/maraston_ssp.hpp"

#include "engine/error.hpp"
#include "tools/files/text_table.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>
#include <sstream>

namespace lookback::tools {
namespace {

namespace fs = std::filesystem;

constexpr double maraston_zsun = 0.02;
constexpr std::size_t columns = 4;
constexpr char miles_name[] = "ssp_M11_MILES.";
constexpr double miles_fwhm_angstrom = 2.55; // FIREFLY, firefly_models.py
constexpr double miles_first_angstrom = 3540.5, miles_last_angstrom = 7409.6; // Vazdekis+ 2010

struct Ssp {
  std::vector<double> wavelength, flux;
};

using Ages = std::map<double, Ssp>;
using Metallicities = std::map<double, Ages>;

std::vector<fs::path> files_of(const std::vector<fs::path>& inputs) {
  std::vector<fs::path> files;
  for (const fs::path& input : inputs) {
    std::error_code error;
    if (fs::is_directory(input, error)) {
      for (const auto& entry : fs::directory_iterator(input, error))
        if (entry.is_regular_file() && entry.path().filename().string().front() != '.')
          files.push_back(entry.path());
    } else {
      files.push_back(input);
    }
  }
  require(!files.empty(), "'", inputs.front().string(), "' holds no file");
  std::sort(files.begin(), files.end());
  return files;
}

void read_rows(const fs::path& file, Metallicities& found) {
  const auto table =
      read_text_table(file, columns, "age (Gyr), [Z/H], wavelength (Angstrom), flux (erg/s/A)");
  std::set<std::pair<double, double>> here;
  for (std::size_t i = 0; i < table.size(); i += columns) {
    const double age = table[i], z = table[i + 1];
    const bool first = here.emplace(z, age).second;
    Ssp& ssp = found[z][age];
    require(!first || ssp.flux.empty(), "'", file.string(), "': a second SSP of [Z/H] ", z, " and ",
            age, " Gyr; give one file a metallicity, of one IMF and horizontal branch");
    ssp.wavelength.push_back(table[i + 2]);
    ssp.flux.push_back(table[i + 3]);
  }
}

// Ages that every metallicity has.
std::vector<double> common_ages(const Metallicities& found, std::vector<std::string>& notes) {
  std::map<double, std::size_t> times;
  for (const auto& [z, ages] : found)
    for (const auto& [age, ssp] : ages) ++times[age];
  std::vector<double> common;
  for (const auto& [age, count] : times)
    if (count == found.size()) common.push_back(age);
  require(!common.empty(), "the files have no age in common");
  if (const auto lost = times.size() - common.size(); lost > 0)
    notes.push_back(std::to_string(lost) +
                    " ages are left out, because a metallicity lacks them; the grid goes from " +
                    (std::ostringstream() << common.front() << " to " << common.back()).str() +
                    " Gyr");
  return common;
}

bool starts_with_miles(const fs::path& file) {
  return file.filename().string().starts_with(miles_name);
}

std::string imf_of(const fs::path& file) {
  const std::string name = file.filename().string();
  for (const auto& [code, imf] :
       {std::pair(".kr", "Kroupa"), {".cha", "Chabrier"}, {".ss", "Salpeter"}})
    if (name.find(code) != std::string::npos) return imf;
  return "";
}

std::string library_of(const fs::path& file) {
  const std::string name = file.filename().string(), m11 = "ssp_M11_";
  return name.starts_with(m11) ? name.substr(m11.size(), name.find('.') - m11.size())
                               : "BaSeL (Lejeune et al. 1997)";
}

void require_one_model(const std::vector<fs::path>& files) {
  for (const fs::path& file : files)
    require(imf_of(file) == imf_of(files[0]) && library_of(file) == library_of(files[0]), "'",
            file.string(), "' and '", files[0].string(),
            "' are of different models; give files of one library and IMF");
}

} // namespace

physics::SspGrid import_maraston_ssp(const std::vector<fs::path>& inputs, const SspFacts& facts,
                                     std::vector<std::string>& notes) {
  const auto files = files_of(inputs);
  require_one_model(files);
  Metallicities found;
  for (const fs::path& file : files) read_rows(file, found);
  const auto ages = common_ages(found, notes);
  const auto& wavelength = found.begin()->second.at(ages[0]).wavelength;

  std::vector<std::size_t> kept;
  const bool plain_miles = std::all_of(files.begin(), files.end(), starts_with_miles);
  for (std::size_t w = 0; w < wavelength.size(); ++w)
    if (!plain_miles ||
        (wavelength[w] >= miles_first_angstrom && wavelength[w] <= miles_last_angstrom))
      kept.push_back(w);
  if (kept.size() < wavelength.size())
    notes.push_back("wavelengths are cut to 3540.5 .. 7409.6 Angstrom (air), where MILES has data");

  physics::SspGrid grid;
  grid.age_gyr = Eigen::VectorXd::Map(ages.data(), Eigen::Index(ages.size()));
  grid.wavelength_angstrom.resize(Eigen::Index(kept.size()));
  for (std::size_t w = 0; w < kept.size(); ++w)
    grid.wavelength_angstrom[Eigen::Index(w)] = wavelength[kept[w]];
  grid.log_z_zsun.resize(Eigen::Index(found.size()));
  grid.original_zsun = facts.zsun.value_or(maraston_zsun);
  const double lsun = facts.lsun_erg_per_s.value_or(grid.lsun_erg_per_s);
  Eigen::Index j = 0;
  for (const auto& [z, own_ages] : found) {
    grid.log_z_zsun[j++] = log_z_of(z, *grid.original_zsun);
    for (const double age : ages) {
      const Ssp& ssp = own_ages.at(age);
      require(ssp.wavelength == wavelength, "'", files.front().string(), "': the SSP of [Z/H] ", z,
              " and ", age, " Gyr has other wavelengths than the first");
      for (const std::size_t w : kept) grid.flux.push_back(float(ssp.flux[w] / lsun));
    }
  }
  const bool m11 = files.front().filename().string().starts_with("ssp_M11_");
  grid.imf = imf_of(files.front());
  grid.isochrones = "Cassisi et al. 1997, Geneva (Schaller et al. 1992) when young";
  grid.stellar_library = library_of(files.front());
  if (plain_miles) grid.resolution_fwhm_angstrom = miles_fwhm_angstrom;
  grid.source =
      std::to_string(files.size()) + " files such as " + files.front().filename().string() +
      (m11 ? " (Maraston & Stromback 2011, MNRAS 418, 2785)" : " (Maraston 2005, MNRAS 362, 799)");
  finish_import(files.front(), grid, facts, m11 ? "air" : "vacuum");
  return grid;
}

} // namespace lookback::tools
