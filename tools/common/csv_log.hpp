// A table in a text file that grows by a line at a time while a long job runs.
#pragma once

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <optional>
#include <span>
#include <string>

namespace lookback::tools {

class CsvLog {
public:
  // A new table with these columns. Where a job resumes, `resumed_at` keeps the lines that an
  // earlier run wrote up to that value of the first column. Errors: exists and neither is allowed;
  // other columns; cannot be written.
  void open(const std::filesystem::path& file, const std::string& columns, bool overwrite,
            std::optional<std::int64_t> resumed_at);
  // One line. Does nothing where no file is open.
  void row(std::span<const double> values);

private:
  std::ofstream file_;
};

} // namespace lookback::tools
