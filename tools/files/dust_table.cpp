#include "tools/files/dust_table.hpp"

#include "engine/hdf5.hpp"
#include "tools/files/in_file.hpp"
#include "tools/files/text_numbers.hpp"

#include <algorithm>
#include <cmath>
#include <fstream>
#include <map>
#include <set>
#include <tuple>

namespace lookback::tools {
namespace {

namespace fs = std::filesystem;
using Column = std::vector<double>;

// Draine & Li 2007, table 3: grain models 1 to 7 are MW3.1_00 to MW3.1_60; later ones are of the
// Magellanic Clouds.
constexpr double qpah_percent[] = {0.47, 1.12, 1.77, 2.50, 3.19, 3.90, 4.58};

Eigen::VectorXd vector(const Column& values) {
  return Eigen::VectorXd::Map(values.data(), Eigen::Index(values.size()));
}

physics::DustTable read_hdf5(const fs::path& file) {
  const H5Reader reader(file);
  const auto axis = [&](const char* name) { return vector(reader.read<double>(name, {-1})); };
  physics::DustTable table;
  table.wavelength_micron = axis("wavelength_micron");
  table.qpah_percent = axis("qpah_percent");
  table.umin = axis("umin");
  table.umax = axis("umax");
  const Extents nodes{table.qpah_percent.size(), table.umin.size(), table.wavelength_micron.size()};
  const auto emissivity = [&](const char* name, const Extents& shape) {
    if (reader.has_attribute(name, "units")) {
      const std::string units = reader.text(name, "units");
      require(units.starts_with("Jy cm2 sr-1 H-1"), "'", file.string(), "': dataset '", name,
              "' is in '", units, "', expected 'Jy cm2 sr-1 H-1'");
    }
    return reader.read<double>(name, shape);
  };
  table.jnu_umin_only = emissivity("jnu_umin_only", nodes);
  table.jnu_umin_umax =
      emissivity("jnu_umin_umax", {nodes[0], nodes[1], table.umax.size(), nodes[2]});
  for (const auto& [name, text] :
       {std::pair("citation", &table.source), {"licence", &table.license}})
    if (reader.has_attribute("/", name)) *text = reader.text("/", name);
  in_file(file, [&] { check(table); });
  return table;
}

struct Template { // one of Draine's files
  double grain_model = NAN, umin = NAN, umax = NAN;
  Column micron, jnu; // decreasing wavelengths, Jy cm2 / sr / H
};

// The number at the beginning of a header line "number[s] = what"; NaN if it is another line.
double stated(const std::string& line, const std::string& what, std::size_t which = 0) {
  const auto equals = line.find('=');
  if (equals == std::string::npos || line.find(what, equals) == std::string::npos) return NAN;
  const auto values = text_numbers(std::string_view(line).substr(0, equals));
  return which < values.size() ? values[which] : NAN;
}

Template read_text(const fs::path& file) {
  std::ifstream stream(file);
  Template t;
  std::string line;
  const auto fill = [](double& value, double found) {
    if (std::isnan(value)) value = found;
  };
  while (std::getline(stream, line) && !line.starts_with("lambda")) {
    fill(t.grain_model, stated(line, "grain model"));
    fill(t.umin, stated(line, "Umin", 0));
    fill(t.umax, stated(line, "Umin", 1));
  }
  std::getline(stream, line); // the units
  require(stream.good() && std::isfinite(t.grain_model + t.umin + t.umax) &&
              line.find("Jy cm2 sr-1 H-1") != std::string::npos,
          "'", file.string(), "' is not a file of Draine & Li 2007, or cut: its header states no ",
          "grain model, Umin and Umax, or j_nu is not in Jy cm2 sr-1 H-1");
  while (std::getline(stream, line)) {
    if (is_comment(line)) continue;
    const auto values = text_numbers(line);
    require(values.size() == 3, "'", file.string(), "': the line '", line,
            "' is not three numbers: lambda, nu dP/dnu, j_nu");
    t.micron.push_back(values[0]);
    t.jnu.push_back(values[2]);
  }
  return t;
}

using Node = std::tuple<double, double, double>; // qpah, umin, umax
using Templates = std::map<Node, Column>;

// [.., W] of the nodes asked for, wavelengths increasing.
void append(Column& to, const Templates& templates, const Node& node) {
  const auto& [qpah, umin, umax] = node;
  const auto found = templates.find(node);
  require(found != templates.end(), "there is no file for qpah ", qpah, " %, Umin ", umin,
          ", Umax ", umax, ": expected all Umin of every MW3.1 model");
  to.insert(to.end(), found->second.rbegin(), found->second.rend());
}

physics::DustTable assemble(const Templates& templates, const Column& micron) {
  std::set<double> qpah, umin;
  std::map<double, std::size_t> umax;
  for (const auto& [node, jnu] : templates) {
    qpah.insert(std::get<0>(node));
    umin.insert(std::get<1>(node));
    if (std::get<2>(node) > std::get<1>(node)) ++umax[std::get<2>(node)];
  }
  std::erase_if(umax, [&](const auto& u) { return u.second < qpah.size() * umin.size(); });
  require(!umax.empty(), "no Umax has a file for each of ", qpah.size(), " qpah and ", umin.size(),
          " Umin");
  physics::DustTable table;
  table.qpah_percent = vector({qpah.begin(), qpah.end()});
  table.umin = vector({umin.begin(), umin.end()});
  table.umax.resize(Eigen::Index(umax.size()));
  std::transform(umax.begin(), umax.end(), table.umax.begin(), [](auto& u) { return u.first; });
  table.wavelength_micron = vector(micron).reverse();
  for (const double q : qpah)
    for (const double u : umin) {
      append(table.jnu_umin_only, templates, {q, u, u});
      for (const double m : table.umax) append(table.jnu_umin_umax, templates, {q, u, m});
    }
  table.source = "Draine & Li 2007, ApJ 657, 810";
  return table;
}

physics::DustTable read_folder(const fs::path& folder) {
  Templates templates;
  Column micron;
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    const std::string name = entry.path().filename().string();
    if (!entry.is_regular_file() || !name.starts_with("U") || !name.ends_with(".txt") ||
        name.find("_MW3.1_") == std::string::npos)
      continue;
    Template t = read_text(entry.path());
    const bool known = t.grain_model >= 1 && t.grain_model <= std::size(qpah_percent);
    require(known, "'", entry.path().string(), "': grain model ", t.grain_model,
            " is none of the Milky Way's, 1 to ", std::size(qpah_percent));
    if (micron.empty()) micron = t.micron;
    require(t.micron == micron, "'", entry.path().string(), "' has ", t.micron.size(),
            " wavelengths that are not the ", micron.size(), " of the other files: is it cut?");
    templates[{qpah_percent[std::size_t(t.grain_model) - 1], t.umin, t.umax}] = std::move(t.jnu);
  }
  return in_file(folder, [&] {
    require(!templates.empty(), "there is no file U*_MW3.1_*.txt of Draine & Li 2007");
    physics::DustTable table = assemble(templates, micron);
    check(table);
    return table;
  });
}

} // namespace

physics::DustTable read_dust_table(const fs::path& path) {
  std::error_code error;
  if (fs::is_directory(path, error)) return read_folder(path);
  return read_hdf5(path);
}

} // namespace lookback::tools
