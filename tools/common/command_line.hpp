// The command line of a tool: options declared next to the variables they fill, a TOML file behind
// them (--config; the command line wins), and the one place where errors become exit codes.
//
//   Options o;
//   CommandLine line("forward", "Computes the spectra of star-formation histories.");
//   line.input("--ssp", o.ssp, "stellar-population grid (lookback-ssp)");
//   line.output(o.output, "spectra (lookback-spectra)");
//   line.option("--snr", o.snr, "S/N", "signal-to-noise ratio of mock observations");
//   line.add_seed();
//   return line.run(argc, argv, [&] { forward(o, line); });
#pragma once

#include "tools/common/interrupt.hpp"
#include "tools/common/log.hpp"

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace lookback::tools {

using Json = nlohmann::ordered_json;

namespace detail {
template <class T> Json as_json(const T& value) {
  return value;
}
Json as_json(float value); // its shortest decimal form
inline Json as_json(const std::filesystem::path& value) {
  return value.string();
}
template <class T> Json as_json(const std::optional<T>& value) {
  return value ? as_json(*value) : Json();
}
template <class T> Json as_json(const std::vector<T>& values) {
  Json list = Json::array();
  for (const T& value : values) list.push_back(as_json(value));
  return list;
}
CLI::Validator one_of(const std::vector<std::string>& choices); // described as "a|b|c"
std::string default_text(const Json& value); // "" for null and for empty text or lists
} // namespace detail

// Condition of a number, with its limits.
template <class T> CLI::Validator in_range(T low, T high) {
  return CLI::Range(low, high).description("");
}

// A set of options: a tool's, or one subcommand's. The variables must outlive run().
class Command {
public:
  // Declares an option ("-n,--count") or a positional ("samples"). `unit` stands for the value in
  // the help: a unit (km/s, Gyr), a kind (FILE, N) or the form of the text (LO:HI). The value that
  // the variable holds now is the default. Further conditions chain: ->required(),
  // ->check(in_range(1, 10)).
  template <class T>
  CLI::Option* option(const std::string& names, T& value, const std::string& unit,
                      const std::string& help) {
    auto* option = app_->add_option(names, value, help)->type_name(unit);
    return declare(option, [&value] { return detail::as_json(value); });
  }

  // A switch that sets `value` to true.
  CLI::Option* flag(const std::string& names, bool& value, const std::string& help);
  // One of `choices`, shown in the help. `value` is text, or optional text.
  template <class Text>
  CLI::Option* choice(const std::string& names, Text& value,
                      const std::vector<std::string>& choices, const std::string& help) {
    const auto check = detail::one_of(choices);
    return option(names, value, check.get_description(), help)->check(check.description(""));
  }
  // A required input file, and the required `-o,--output`.
  CLI::Option* input(const std::string& names, std::filesystem::path& value,
                     const std::string& help);
  CLI::Option* output(std::filesystem::path& value, const std::string& help);

protected:
  friend class CommandLine;
  struct Value {
    std::string name; // long name without dashes
    std::function<Json()> get;
  };

  explicit Command(CLI::App* app) : app_(app) {}
  CLI::Option* declare(CLI::Option* option, std::function<Json()> get);

  CLI::App* app_;
  std::vector<Value> values_;
  std::function<void()> body_;
};

// Options that every tool has; `seed`, `device` and `dry_run` where the tool adds them.
struct CommonOptions {
  int threads = 0; // all
  bool quiet = false;
  bool overwrite = false;
  std::filesystem::path log_json;
  std::uint64_t seed = 0;
  std::string device = "cpu";
  bool dry_run = false;
};

class CommandLine : public Command {
public:
  CommandLine(const std::string& tool, const std::string& summary);

  void add_seed();
  void add_device();
  void add_dry_run();
  // Declares a job of the tool (`prepare synthetic`): its options go on the result.
  Command& subcommand(const std::string& name, const std::string& summary,
                      std::function<void()> body);
  // Text below the options in --help: sources, examples.
  void footer(const std::string& text) { app_->footer(text); }

  // Of a job of several processes: only rank 0 says what all of them meet.
  void set_rank(int rank) { rank_ = rank; }

  // Parses, then runs `body` (or the subcommand's) and gives the exit code: 0 done; 2 bad usage or
  // input (CLI errors and lookback::Error: one line on stderr); 130 Interrupted; 1 anything else.
  int run(int argc, const char* const* argv, const std::function<void()>& body = {});

  const CommonOptions& common() const { return common_; }
  Log& log() { return log_; }
  // Every option with the value it has now: a flat object, keys as the long names. Outputs keep
  // it as attribute `config`.
  Json config() const;
  std::string config_json() const { return config().dump(); }
  // The same as a TOML file that --config reads back.
  std::string config_toml() const;

private:
  class TomlReader;

  void parse(int argc, const char* const* argv);
  const Command* chosen() const; // the subcommand given, or null
  std::vector<std::string> option_names() const;
  std::string jobs() const; // names of the subcommands
  [[noreturn]] void fail_unknown(const std::string& kind, const std::string& name) const;
  [[noreturn]] void fail_unexpected(const std::string& word) const;

  CLI::App root_;
  CommonOptions common_;
  bool dump_config_ = false;
  int rank_ = 0;
  std::vector<std::unique_ptr<Command>> subcommands_;
  Log log_;
};

// The word of `candidates` with the smallest edit distance to `word`, or "" where none is near.
std::string nearest(std::string_view word, const std::vector<std::string>& candidates);

// What this build can do: version, CUDA, instruction set.
std::string version_text();

} // namespace lookback::tools
