// What a tool tells its user while it works: lines on stderr, and the same as JSON lines in a file
// (--log-json), one object a line with `seconds` since the start and `event`.
#pragma once

#include <nlohmann/json.hpp>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

namespace lookback::tools {

class Log {
public:
  // Messages are not shown where `quiet`; an empty path opens no file. Errors: cannot be written.
  void open(bool quiet, const std::filesystem::path& json_file);
  bool quiet() const { return quiet_; }

  // One line for the user, and an event "message".
  template <class... Parts> void say(const Parts&... parts) {
    std::ostringstream line;
    (line << ... << parts);
    say_line(line.str());
  }
  // An object for the file only: log.event("epoch", {{"epoch", 3}, {"loss", 0.7}}).
  void event(const std::string& name,
             const nlohmann::ordered_json& fields = nlohmann::ordered_json::object());

private:
  void say_line(const std::string& line);

  bool quiet_ = false;
  std::ofstream json_;
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

} // namespace lookback::tools
