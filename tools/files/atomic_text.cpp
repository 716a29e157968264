#include "tools/files/atomic_text.hpp"

#include "engine/atomic_file.hpp"
#include "engine/error.hpp"

#include <fstream>

namespace lookback::tools {

void write_text(const std::filesystem::path& file, std::string_view text, bool overwrite) {
  AtomicFile output(file, overwrite);
  std::ofstream stream(output.temporary(), std::ios::binary);
  stream << text;
  stream.close();
  require(stream.good(), "cannot write '", file.string(), "' (is the disk full?)");
  output.commit();
}

} // namespace lookback::tools
