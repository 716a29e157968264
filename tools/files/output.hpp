// Where a result goes, and the attributes that every output of the tools begins with.
#pragma once

#include "engine/atomic_file.hpp"
#include "engine/hdf5.hpp"

#include <filesystem>
#include <string>

namespace lookback::tools {

struct OutputFile {
  std::filesystem::path path;
  bool overwrite = false;
  std::string config = "{}"; // the resolved configuration, JSON
};

// To be called before the work: errors that writing would meet after it.
inline void require_writable(const OutputFile& output) {
  const AtomicFile probe(output.path, output.overwrite);
}

// Writes format, format_version, created_by and config.
inline void write_preamble(H5Writer& writer, const std::string& format, const OutputFile& output) {
  writer.format(format);
  writer.attribute("/", "config", output.config);
}

} // namespace lookback::tools
