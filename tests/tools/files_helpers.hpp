// What the tests of files share: a folder of their own, the bytes of a file, and the sentence of an
// error.
#pragma once

#include "engine/error.hpp"

#include <atomic>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <unistd.h>

namespace lookback::test {

struct Folder {
  static inline std::atomic<int> made = 0;
  std::filesystem::path path =
      std::filesystem::temp_directory_path() /
      ("lookback_test_" + std::to_string(::getpid()) + "_" + std::to_string(made++));
  Folder() { std::filesystem::create_directory(path); }
  ~Folder() { std::filesystem::remove_all(path); }
  Folder(const Folder&) = delete;
  std::filesystem::path operator/(const std::string& name) const { return path / name; }
  std::size_t entries() const {
    return std::size_t(std::distance(std::filesystem::directory_iterator(path), {}));
  }
};

inline std::string bytes_of(const std::filesystem::path& file) {
  std::ifstream stream(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(stream), {}};
}

template <class Action> std::string message(const Action& action) {
  try {
    action();
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

inline bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

} // namespace lookback::test
