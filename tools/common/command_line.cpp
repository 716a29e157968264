#include "tools/common/command_line.hpp"

#include "engine/communicator.hpp"
#include "engine/error.hpp"
#include "engine/parallel.hpp"
#include "tools/common/help.hpp"
#include "tools/common/toml.hpp"

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <iostream>

namespace lookback::tools {

namespace detail {

Json as_json(float value) {
  char text[32]; // its shortest decimal form, so that 0.1f is written 0.1
  const auto end = std::to_chars(text, text + sizeof text, value).ptr;
  return Json::parse(text, end, nullptr, false);
}

std::string default_text(const Json& value) {
  if (value.is_null()) return {};
  if (value.is_string()) return value.get<std::string>();
  if (!value.is_array()) return value.dump();
  std::string list;
  for (const Json& item : value) list += (list.empty() ? "" : ",") + default_text(item);
  return list;
}

CLI::Validator one_of(const std::vector<std::string>& choices) {
  std::string list;
  for (const std::string& choice : choices) list += (list.empty() ? "" : "|") + choice;
  const auto check = [choices, list](const std::string& given) -> std::string {
    if (std::find(choices.begin(), choices.end(), given) != choices.end()) return {};
    const std::string near = nearest(given, choices);
    return '"' + given + "\" is none of " + list +
           (near.empty() ? "" : "; did you mean " + near + "?");
  };
  return CLI::Validator(check, list);
}

} // namespace detail

CLI::Option* Command::declare(CLI::Option* option, std::function<Json()> get) {
  values_.push_back({option->get_single_name(), std::move(get)});
  option->default_str(detail::default_text(values_.back().get()));
  return option;
}

CLI::Option* Command::flag(const std::string& names, bool& value, const std::string& help) {
  auto* option = app_->add_flag(names, value, help);
  values_.push_back({option->get_single_name(), [&value] { return Json(value); }});
  return option;
}

CLI::Option* Command::input(const std::string& names, std::filesystem::path& value,
                            const std::string& help) {
  return option(names, value, "FILE", help)->required();
}

CLI::Option* Command::output(std::filesystem::path& value, const std::string& help) {
  return option("-o,--output", value, "FILE", help)->required();
}

// The file's keys are checked here, against the options of the tool and of the subcommand given, so
// that a file is one flat list of keys for both.
class CommandLine::TomlReader : public CLI::Config {
public:
  explicit TomlReader(const CommandLine& line) : line_(line) {}

  std::vector<CLI::ConfigItem> from_config(std::istream& text) const override {
    auto items = parse_toml(text);
    const std::vector<std::string> known = line_.option_names();
    for (CLI::ConfigItem& item : items) {
      if (std::find(known.begin(), known.end(), item.name) == known.end())
        line_.fail_unknown("key", item.name);
      const Command* chosen = line_.chosen();
      if (chosen && chosen->app_->get_option_no_throw("--" + item.name))
        item.parents = {chosen->app_->get_name()};
    }
    return items;
  }
  std::string to_config(const CLI::App*, bool, bool, std::string) const override {
    return line_.config_toml();
  }

private:
  const CommandLine& line_;
};

CommandLine::CommandLine(const std::string& tool, const std::string& summary)
    : Command(nullptr), root_(summary, tool) {
  app_ = &root_;
  root_.option_defaults()->group(common_group);
  root_.set_help_flag("-h,--help", "show this text");
  root_.set_version_flag("--version", version_text, "show version and compiled-in features");
  root_.set_config("--config", "", "TOML file of options; the command line wins over it")
      ->type_name("FILE");
  root_.add_flag("--dump-config", dump_config_, "print the resolved options as TOML and stop")
      ->configurable(false);
  option("--threads", common_.threads, "N", "processor threads; 0 takes all")
      ->check(in_range(0, 4096));
  flag("--quiet", common_.quiet, "no messages and no progress on stderr");
  flag("--overwrite", common_.overwrite, "replace outputs that exist");
  option("--log-json", common_.log_json, "FILE", "also write the log as JSON lines");
  root_.option_defaults()->group("Options");
  root_.config_formatter(std::make_shared<TomlReader>(*this));
}

void CommandLine::add_seed() {
  const std::uint64_t largest = (std::uint64_t(1) << 56) - 1; // the top byte tells streams apart
  option("--seed", common_.seed, "N", "seed of the random numbers, below 2^56")
      ->check(in_range(std::uint64_t(0), largest));
}

void CommandLine::add_device() {
  choice("--device", common_.device, {"cpu", "cuda"}, "where to compute");
}

void CommandLine::add_dry_run() {
  flag("--dry-run", common_.dry_run, "read everything, print the plan and stop");
}

Command& CommandLine::subcommand(const std::string& name, const std::string& summary,
                                 std::function<void()> body) {
  root_.require_subcommand(1);
  CLI::App* app = root_.add_subcommand(name, summary);
  app->set_help_flag("-h,--help", "show this text")->group(""); // shown with the common options
  app->fallthrough(); // the common options may stand behind it
  subcommands_.push_back(std::unique_ptr<Command>(new Command(app)));
  subcommands_.back()->body_ = std::move(body);
  return *subcommands_.back();
}

const Command* CommandLine::chosen() const {
  for (const auto& command : subcommands_)
    if (command->app_->parsed()) return command.get();
  return nullptr;
}

std::vector<std::string> CommandLine::option_names() const {
  std::vector<std::string> names;
  for (const Value& value : values_) names.push_back(value.name);
  if (const Command* command = chosen())
    for (const Value& value : command->values_) names.push_back(value.name);
  return names;
}

void CommandLine::fail_unknown(const std::string& kind, const std::string& name) const {
  std::vector<std::string> known = option_names();
  const std::string dashes = kind == "option" ? "--" : "";
  if (kind == "option")
    for (const char* built_in : {"help", "version", "config", "dump-config"})
      known.push_back(built_in);
  const std::string near = nearest(name, known);
  fail("unknown ", kind, " ", dashes, name, "; ",
       near.empty() ? "--help lists all options" : "did you mean " + dashes + near + "?");
}

void CommandLine::fail_unexpected(const std::string& word) const {
  if (word.starts_with("--")) fail_unknown("option", word.substr(2, word.find('=') - 2));
  require(subcommands_.empty() || chosen(), "unknown job ", word, "; the jobs are ", jobs());
  fail("the argument \"", word, "\" was not expected; --help shows the usage");
}

std::string CommandLine::jobs() const {
  std::string names;
  for (const auto& command : subcommands_)
    names += (names.empty() ? "" : ", ") + command->app_->get_name();
  return names;
}

Json CommandLine::config() const {
  Json object = Json::object();
  if (const Command* command = chosen())
    for (const Value& value : command->values_) object[value.name] = value.get();
  for (const Value& value : values_) object[value.name] = value.get();
  return object;
}

std::string CommandLine::config_toml() const {
  return write_toml(config());
}

void CommandLine::parse(int argc, const char* const* argv) {
  try {
    root_.parse(argc, argv);
  } catch (const CLI::Success&) {
    throw; // --help, --version
  } catch (const CLI::ParseError& error) {
    for (const std::string& word : root_.remaining(true)) fail_unexpected(word);
    const bool incomplete = dynamic_cast<const CLI::RequiredError*>(&error) != nullptr;
    if (incomplete && dump_config_ && (subcommands_.empty() || chosen())) return; // a template
    require(!incomplete || subcommands_.empty() || chosen(), "a job is missing: ", jobs());
    std::string sentence = error.what();
    std::replace(sentence.begin(), sentence.end(), '\n', ' ');
    fail(sentence, incomplete ? "; --help shows the usage" : "");
  }
}

int CommandLine::run(int argc, const char* const* argv, const std::function<void()>& body) {
  constexpr int done = 0, internal_error = 1, bad_input = 2, exit_interrupted = 130;
  const std::string tool = root_.get_name();
  const auto report = [&](int code, std::string sentence) {
    // With another code than 0 the launcher would end rank 0 before it has spoken.
    if (rank_ > 0 && code != internal_error) return done;
    if (rank_ > 0) sentence = "rank " + std::to_string(rank_) + ": " + sentence;
    std::fprintf(stderr, "%s: %s\n", tool.c_str(), sentence.c_str());
    log_.event("error", {{"text", sentence}, {"exit", code}});
    return code;
  };
  try {
    parse(argc, argv);
    if (dump_config_) {
      std::cout << config_toml();
      return done;
    }
    catch_signals();
    rank_ == 0 ? log_.open(common_.quiet, common_.log_json) : log_.open(true, "");
    log_.event("start", {{"tool", tool}, {"config", config()}});
    set_threads(common_.threads);
    const Command* command = chosen();
    command ? command->body_() : body();
    log_.event("done");
    return done;
  } catch (const CLI::CallForVersion&) {
    std::cout << version_text();
    return done;
  } catch (const CLI::Success&) {
    const Command* command = chosen();
    std::cout << help_text(root_, command ? command->app_ : nullptr);
    return done;
  } catch (const Error& error) {
    return report(bad_input, error.what());
  } catch (const Interrupted&) {
    return report(exit_interrupted, "interrupted");
  } catch (const RankFailure& failure) {
    return report(internal_error, failure.what());
  } catch (const std::bad_alloc&) {
    return report(internal_error, "out of memory");
  } catch (const std::exception& error) {
    return report(internal_error, std::string("internal error: ") + error.what());
  }
}

} // namespace lookback::tools
