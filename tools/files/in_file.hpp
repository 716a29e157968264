// Puts the name of a file before the sentence of an error that does not know it.
#pragma once

#include "engine/error.hpp"

#include <filesystem>

namespace lookback::tools {

template <class Action> auto in_file(const std::filesystem::path& file, const Action& action) {
  try {
    return action();
  } catch (const Error& error) {
    fail("'", file.string(), "': ", error.what());
  }
}

} // namespace lookback::tools
