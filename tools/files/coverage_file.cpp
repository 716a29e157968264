#include "tools/files/coverage_file.hpp"

#include "engine/error.hpp"
#include "tools/files/attributes.hpp"

#include <algorithm>

namespace lookback::tools {
namespace {

const std::string mock_format = "lookback-coverage-mock";

// A column over the mocks: [mocks] numbers, or [mocks, ...] where each has several.
template <class F> auto column(const Coverage& c, F&& of_mock) {
  std::vector<std::decay_t<decltype(of_mock(c.mocks[0]))>> values;
  for (const CoveredMock& mock : c.mocks) values.push_back(of_mock(mock));
  return values;
}
template <class T> std::vector<T> joined(const Coverage& c, std::vector<T> CoveredMock::*member) {
  std::vector<T> values;
  for (const CoveredMock& mock : c.mocks)
    values.insert(values.end(), (mock.*member).begin(), (mock.*member).end());
  return values;
}

bool in_range(const std::vector<std::int64_t>& ranks, std::int64_t draws) {
  return std::all_of(ranks.begin(), ranks.end(), [&](auto r) { return r >= -1 && r <= draws; });
}

} // namespace

void write_mock(const std::filesystem::path& file, const std::string& job, const MockShape& s,
                const CoveredMock& m) {
  H5Writer writer(file, true);
  writer.format(mock_format);
  writer.attribute("/", "job", job);
  writer.attribute("/", "history", m.history);
  writer.attribute("/", "redshift", m.redshift);
  writer.attribute("/", "a_v", m.a_v);
  writer.attribute("/", "data_size", m.data_size);
  writer.attribute("/", "seconds", m.seconds);
  writer.write<double>("truth", {s.quantities}, m.truth);
  writer.write<double>("reference", {s.quantities}, m.reference);
  writer.write<double>("posterior", {s.draws, s.quantities}, m.posterior);
  writer.write<std::int64_t>("sfr_rank", {s.bins}, m.sfr_rank);
  writer.write<std::int64_t>("log_z_rank", {s.bins}, m.log_z_rank);
  std::vector<std::string> names;
  std::vector<double> values;
  for (const auto& [name, value] : m.diagnostics) {
    names.push_back(name);
    values.push_back(value);
  }
  if (!names.empty()) {
    writer.write_strings("diagnostics/name", names);
    writer.write<double>("diagnostics/value", {std::int64_t(values.size())}, values);
  }
  writer.commit();
}

CoveredMock read_mock(const std::filesystem::path& file, const std::string& job,
                      const MockShape& s) {
  const H5Reader reader(file);
  reader.require_format(mock_format);
  require(reader.text("/", "job") == job, "'", file.string(),
          "' is what an interrupted run with other options or other inputs has done; go on with "
          "those, or delete its folder");
  CoveredMock m;
  m.history = whole_number(reader, "/", "history");
  m.redshift = reader.number("/", "redshift");
  m.a_v = reader.number("/", "a_v");
  m.data_size = whole_number(reader, "/", "data_size");
  m.seconds = reader.number("/", "seconds");
  m.truth = reader.read<double>("truth", {s.quantities});
  m.reference = reader.read<double>("reference", {s.quantities});
  m.posterior = reader.read<double>("posterior", {s.draws, s.quantities});
  m.sfr_rank = reader.read<std::int64_t>("sfr_rank", {s.bins});
  m.log_z_rank = reader.read<std::int64_t>("log_z_rank", {s.bins});
  require(in_range(m.sfr_rank, s.draws) && in_range(m.log_z_rank, s.draws), "'", file.string(),
          "': a rank is not between -1 and ", s.draws);
  if (!reader.has("diagnostics")) return m;
  const auto names = reader.read_strings("diagnostics/name");
  const auto values = reader.read<double>("diagnostics/value", {std::int64_t(names.size())});
  for (std::size_t i = 0; i < names.size(); ++i) m.diagnostics.emplace_back(names[i], values[i]);
  return m;
}

void write_coverage(const OutputFile& output, const Coverage& c) {
  const auto N = std::int64_t(c.mocks.size());
  const auto& [Q, S, bins] = c.shape;
  H5Writer writer(output.path, output.overwrite);
  write_preamble(writer, "lookback-coverage", output);
  for (const auto& [name, value] : c.attributes)
    std::visit([&, &key = name](const auto& v) { writer.attribute("/", key, v); }, value);
  const auto numbers = [&](const std::string& name, const auto& values, const std::string& unit) {
    writer.write<typename std::decay_t<decltype(values)>::value_type>(name, {N}, values, unit);
  };
  writer.write_strings("quantity/name", c.names);
  writer.write_strings("quantity/unit", c.units);
  writer.write<double>("bin_edges_gyr", {bins + 1}, c.bin_edges_gyr, "Gyr");
  numbers("history", column(c, [](auto& m) { return m.history; }), "");
  numbers("redshift", column(c, [](auto& m) { return m.redshift; }), "");
  numbers("a_v", column(c, [](auto& m) { return m.a_v; }), "mag");
  numbers("data_size", column(c, [](auto& m) { return m.data_size; }), "");
  numbers("seconds", column(c, [](auto& m) { return m.seconds; }), "s");
  writer.write<double>("truth", {N, Q}, joined(c, &CoveredMock::truth));
  writer.write<double>("reference", {N, Q}, joined(c, &CoveredMock::reference));
  writer.write<double>("posterior", {N, S, Q}, joined(c, &CoveredMock::posterior));
  writer.write<std::int64_t>("sfr_rank", {N, bins}, joined(c, &CoveredMock::sfr_rank));
  writer.write<std::int64_t>("log_z_rank", {N, bins}, joined(c, &CoveredMock::log_z_rank));
  for (std::size_t i = 0; i < c.mocks.at(0).diagnostics.size(); ++i)
    numbers("diagnostics/" + c.mocks[0].diagnostics[i].first,
            column(c, [&](auto& m) { return m.diagnostics.at(i).second; }), "");
  writer.commit();
}

} // namespace lookback::tools
