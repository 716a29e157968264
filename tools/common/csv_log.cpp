#include "tools/common/csv_log.hpp"

#include "engine/error.hpp"
#include "tools/files/atomic_text.hpp"

#include <cstdio>
#include <cstdlib>
#include <sstream>

namespace lookback::tools {
namespace {

// The header and the complete lines up to `last`; a process that was killed may have left half a
// line, or lines that the resumed one will write again.
std::string lines_up_to(const std::filesystem::path& file, const std::string& columns,
                        std::int64_t last) {
  std::ostringstream all;
  all << std::ifstream(file).rdbuf();
  std::istringstream lines(all.str());
  std::string line, kept = columns + '\n';
  require(std::getline(lines, line) && line == columns, "the log '", file.string(),
          "' has other columns than this run; give --log another file");
  while (std::getline(lines, line) && !lines.eof())
    if (std::strtoll(line.c_str(), nullptr, 10) <= last) kept += line + '\n';
  return kept;
}

} // namespace

void CsvLog::open(const std::filesystem::path& file, const std::string& columns, bool overwrite,
                  std::optional<std::int64_t> resumed_at) {
  const bool go_on = resumed_at && std::filesystem::exists(file);
  write_text(file, go_on ? lines_up_to(file, columns, *resumed_at) : columns + '\n',
             overwrite || go_on);
  file_.open(file, std::ios::app);
  require(file_.is_open(), "the log '", file.string(), "' cannot be written");
}

void CsvLog::row(std::span<const double> values) {
  if (!file_.is_open()) return;
  char text[40];
  for (std::size_t i = 0; i < values.size(); ++i) {
    std::snprintf(text, sizeof text, "%s%.9g", i ? "," : "", values[i]);
    file_ << text;
  }
  file_ << std::endl;
}

} // namespace lookback::tools
