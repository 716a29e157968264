#include "tools/common/log.hpp"

#include "engine/error.hpp"

#include <cstdio>

namespace lookback::tools {

void Log::open(bool quiet, const std::filesystem::path& json_file) {
  quiet_ = quiet;
  if (json_file.empty()) return;
  json_.open(json_file);
  require(json_.is_open(), "the log ", json_file.string(),
          " cannot be written; give --log-json a file in an existing folder");
}

void Log::event(const std::string& name, const nlohmann::ordered_json& fields) {
  if (!json_.is_open()) return;
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start_;
  nlohmann::ordered_json object = {{"seconds", seconds.count()}, {"event", name}};
  object.update(fields);
  json_ << object.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace) << '\n'
        << std::flush;
}

void Log::say_line(const std::string& line) {
  if (!quiet_) std::fprintf(stderr, "%s\n", line.c_str());
  event("message", {{"text", line}});
}

} // namespace lookback::tools
