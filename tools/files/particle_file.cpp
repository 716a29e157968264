#include "tools/files/particle_file.hpp"

#include "engine/error.hpp"
#include "tools/files/attributes.hpp"
#include "tools/files/in_range.hpp"
#include "tools/files/text_numbers.hpp"

#include <algorithm>
#include <cmath>
#include <fstream>
#include <limits>

namespace lookback::tools {
namespace {

constexpr std::int64_t block_rows = 1 << 18;
constexpr double oldest_gyr = 30; // no universe in use is older

struct Columns {
  std::string mass, z, birth, galaxy; // datasets; the last may be ""
  double mass_unit_msun = 1;
  std::int64_t rows = 0;
  ParticleFacts facts;
};

// The first of `names` that is in `group`, in the form that H5Reader takes.
std::string dataset_among(const H5Reader& reader, const std::string& group,
                          const std::vector<std::string>& names) {
  for (const std::string& name : names)
    if (reader.has(group + name)) return group + name;
  fail("'", reader.file().string(), "': there is no dataset '", group, names.at(0),
       "', nor one of the other names it goes by");
}

// Factor to solar masses. Simulations mean powers of ten of a solar mass, which in grams they put
// at 1.988e33 to 2e33; their own is taken.
double mass_unit_msun(const H5Reader& reader, const std::string& dataset, double hubble) {
  constexpr double msun_g = 1.989e33, spread = 0.01;
  const double cgs =
      number_among(reader, dataset,
                   {"to_cgs", "CGSConversionFactor",
                    "Conversion factor to CGS (not including cosmological corrections)"});
  const double h_power =
      number_among(reader, dataset, {"h_scaling", "h-scale-exponent", "h-scale exponent"});
  const double a_power =
      number_among(reader, dataset, {"a_scaling", "aexp-scale-exponent", "a-scale exponent"});
  require(cgs > 0 && a_power == 0 && std::abs(h_power) <= 1, "'", reader.file().string(),
          "': the attributes of '", dataset, "' give ", cgs, " g, h to the power ", h_power,
          " and a to the power ", a_power, ", which is no unit of mass");
  const double msun = cgs / msun_g, round = std::pow(10, std::round(std::log10(msun)));
  return (std::abs(msun / round - 1) < spread ? round : msun) * std::pow(hubble, h_power);
}

Columns cutout_columns(const H5Reader& reader) {
  const std::string stars = "PartType4/";
  Columns c;
  c.mass = dataset_among(reader, stars, {"GFM_InitialMass", "InitialMass", "InitialMasses"});
  c.z = dataset_among(
      reader, stars,
      {"GFM_Metallicity", "SmoothedMetallicity", "MetalMassFractions", "Metallicity"});
  c.birth = dataset_among(
      reader, stars, {"GFM_StellarFormationTime", "StellarFormationTime", "BirthScaleFactors"});
  c.facts.clock = read_clock(reader);
  c.mass_unit_msun = mass_unit_msun(reader, c.mass, c.facts.clock->hubble);
  if (reader.has_attribute("Header", "CutoutID"))
    c.facts.galaxy = whole_number(reader, "Header", "CutoutID");
  return c;
}

Columns table_columns(const H5Reader& reader) {
  Columns c;
  c.mass = "initial_mass_msun";
  c.z = dataset_among(reader, "", {"metallicity"});
  c.birth = dataset_among(reader, "", {"birth_scale_factor", "birth_time_gyr"});
  c.facts.birth_in_gyr = c.birth == "birth_time_gyr";
  if (reader.has("galaxy_id")) c.galaxy = "galaxy_id";
  return c;
}

Columns hdf5_columns(const H5Reader& reader) {
  const bool table = reader.has("initial_mass_msun");
  require(table || reader.has("PartType4"), "'", reader.file().string(),
          "': there is neither a group 'PartType4' (a cut-out with stars) nor a dataset "
          "'initial_mass_msun' (a table of particles)");
  Columns c = table ? table_columns(reader) : cutout_columns(reader);
  const Extents shape = reader.extents(c.mass);
  const auto names = c.galaxy.empty() ? std::vector{c.mass, c.birth, c.z}
                                      : std::vector{c.mass, c.birth, c.z, c.galaxy};
  for (const std::string& name : names)
    require(shape.size() == 1 && reader.extents(name) == shape, "'", reader.file().string(),
            "': dataset '", name, "' must have one value for each star particle",
            name == c.z ? ", the mass fraction of its metals" : "");
  c.rows = shape[0];
  return c;
}

void check_values(const std::filesystem::path& file, const Columns& c, const ParticleBlock& b) {
  constexpr double any = std::numeric_limits<double>::max();
  require_in_range(file, c.mass, b.mass_msun, 0, any);
  require_in_range(file, c.z, b.z, 0, 1);
  require_in_range(file, c.birth, b.birth, -any, c.facts.birth_in_gyr ? oldest_gyr : 1);
}

void for_each_hdf5_block(const std::filesystem::path& file,
                         const std::function<void(const ParticleBlock&)>& take) {
  const H5Reader reader(file);
  const Columns c = hdf5_columns(reader);
  for (std::int64_t row = 0; row < c.rows; row += block_rows) {
    const std::int64_t rows = std::min(block_rows, c.rows - row);
    ParticleBlock block;
    if (!c.galaxy.empty()) block.galaxy = reader.read_rows<std::int64_t>(c.galaxy, row, rows);
    block.mass_msun = reader.read_rows<double>(c.mass, row, rows);
    block.z = reader.read_rows<double>(c.z, row, rows);
    block.birth = reader.read_rows<double>(c.birth, row, rows);
    check_values(file, c, block);
    for (double& mass : block.mass_msun) mass *= c.mass_unit_msun;
    take(block);
  }
}

// Text: positions of the columns in a line, of `width` numbers.
struct TextColumns {
  std::size_t width = 0, mass = 0, z = 0, birth = 0;
  std::optional<std::size_t> galaxy;
  Columns names;
};

class TextParticles {
public:
  explicit TextParticles(const std::filesystem::path& file) : file_(file), stream_(file) {
    require(stream_.good(), "'", file.string(), "' may not be read");
    while (next_line() && is_comment(line_)) {
    }
    read_names();
  }
  const TextColumns& columns() const { return columns_; }

  void for_each_block(const std::function<void(const ParticleBlock&)>& take) {
    ParticleBlock block;
    const auto hand_over = [&] {
      if (block.z.empty()) return;
      check_values(file_, columns_.names, block);
      take(block);
      block = {};
    };
    while (next_line()) {
      if (is_comment(line_)) continue;
      add_row(block);
      if (std::int64_t(block.z.size()) == block_rows) hand_over();
    }
    hand_over();
  }

private:
  bool next_line() {
    ++number_;
    return bool(std::getline(stream_, line_));
  }
  void read_names() {
    std::vector<std::string> names;
    constexpr const char* blanks = " ,\t\r";
    for (std::size_t at = 0; (at = line_.find_first_not_of(blanks, at)) != std::string::npos;) {
      const std::size_t end = std::min(line_.find_first_of(blanks, at), line_.size());
      names.push_back(line_.substr(at, end - at));
      at = end;
    }
    const auto find = [&](const char* name) -> std::optional<std::size_t> {
      const auto found = std::find(names.begin(), names.end(), name);
      if (found == names.end()) return {};
      return std::size_t(found - names.begin());
    };
    const auto mass = find("initial_mass_msun"), z = find("metallicity"),
               scale = find("birth_scale_factor"), time = find("birth_time_gyr");
    require(mass && z && (scale || time), "'", file_.string(),
            "' is no HDF5 file, and its first line does not name the columns initial_mass_msun, "
            "metallicity and birth_scale_factor or birth_time_gyr");
    columns_ = {names.size(), *mass, *z, scale ? *scale : *time, find("galaxy_id"), {}};
    columns_.names.mass = names[*mass];
    columns_.names.z = names[*z];
    columns_.names.birth = names[columns_.birth];
    columns_.names.facts.birth_in_gyr = !scale;
  }
  void add_row(ParticleBlock& block) const {
    const auto row = text_numbers(line_);
    require(row.size() == columns_.width, "'", file_.string(), "' line ", number_, " is not ",
            columns_.width, " numbers, one for each column");
    block.mass_msun.push_back(row[columns_.mass]);
    block.z.push_back(row[columns_.z]);
    block.birth.push_back(row[columns_.birth]);
    if (!columns_.galaxy) return;
    const double id = row[*columns_.galaxy];
    require(id == std::round(id) && std::abs(id) <= 0x1p53, "'", file_.string(), "' line ", number_,
            ": galaxy_id ", id, " is no integer");
    block.galaxy.push_back(std::int64_t(id));
  }

  std::filesystem::path file_;
  std::ifstream stream_;
  std::string line_;
  std::int64_t number_ = 0;
  TextColumns columns_;
};

bool is_hdf5(const std::filesystem::path& file) {
  std::error_code error;
  require(std::filesystem::is_regular_file(file, error), "there is no file '", file.string(), "'");
  char begin[8] = {};
  std::ifstream(file, std::ios::binary).read(begin, sizeof begin);
  return std::string_view(begin, sizeof begin) == std::string_view("\x89HDF\r\n\x1a\n", 8);
}

} // namespace

ParticleFacts read_particle_facts(const std::filesystem::path& file) {
  if (is_hdf5(file)) return hdf5_columns(H5Reader(file)).facts;
  return TextParticles(file).columns().names.facts;
}

void for_each_block(const std::filesystem::path& file,
                    const std::function<void(const ParticleBlock&)>& take) {
  bool any = false;
  const auto take_it = [&](const ParticleBlock& block) {
    any = true;
    take(block);
  };
  if (is_hdf5(file))
    for_each_hdf5_block(file, take_it);
  else
    TextParticles(file).for_each_block(take_it);
  require(any, "'", file.string(), "' holds no star particle");
}

} // namespace lookback::tools
