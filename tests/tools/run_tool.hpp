// Runs one of the executables as a user would.
#pragma once

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <initializer_list>
#include <sstream>
#include <string>
#include <sys/wait.h>
#include <unistd.h>
#include <vector>

namespace lookback::test {

struct ToolResult {
  int exit_code;
  std::string out, err;
};

// Arguments must not hold single quotes. Standard input is empty.
inline ToolResult run_tool(const std::string& tool, const std::vector<std::string>& arguments) {
  const auto folder =
      std::filesystem::temp_directory_path() / ("lookback_run_" + std::to_string(::getpid()));
  std::filesystem::create_directories(folder);
  std::string command = std::string("'") + LOOKBACK_TOOL_DIR + "/" + tool + "'";
  for (const std::string& argument : arguments) command += " '" + argument + "'";
  command +=
      " </dev/null >'" + (folder / "out").string() + "' 2>'" + (folder / "err").string() + "'";
  const int status = std::system(command.c_str());
  const auto text = [&](const char* name) {
    std::ostringstream all;
    all << std::ifstream(folder / name).rdbuf();
    return all.str();
  };
  ToolResult result{WIFEXITED(status) ? WEXITSTATUS(status) : -1, text("out"), text("err")};
  std::filesystem::remove_all(folder);
  return result;
}

// One line on stderr, exit code 2, and `output` not there.
inline bool refused(const ToolResult& result, const std::filesystem::path& output) {
  const auto lines = std::count(result.err.begin(), result.err.end(), '\n');
  return result.exit_code == 2 && lines == 1 && !std::filesystem::exists(output);
}

} // namespace lookback::test
