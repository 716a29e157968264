// Where a result goes, and the attributes that every output of the tools begins with.
#pragma once

#include "engine/hdf5.hpp"

#include <filesystem>
#include <string>

namespace lookback::tools {

struct OutputFile {
  std::filesystem::path path;
  bool overwrite = false;
  std::string config = "{}"; // the resolved configuration, JSON
};

// Writes format, format_version, created_by and config.
inline void write_preamble(H5Writer& writer, const std::string& format, const OutputFile& output) {
  writer.format(format);
  writer.attribute("/", "config", output.config);
}

} // namespace lookback::tools
