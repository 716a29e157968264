#include "tools/common/help.hpp"

#include <algorithm>
#include <sstream>
#include <vector>

namespace lookback::tools {

namespace {

constexpr std::size_t indent = 28, columns = 100;

// The words of `text` from column `column` on, in lines that start at column `left`.
std::string wrapped(const std::string& text, std::size_t column, std::size_t left) {
  std::string result;
  std::istringstream words(text);
  for (std::string word; words >> word;) {
    if (column > left && column + 1 + word.size() > columns) {
      result += '\n' + std::string(left, ' ');
      column = left;
    } else if (column > left) {
      result += ' ';
      ++column;
    }
    result += word;
    column += word.size();
  }
  return result + '\n';
}

std::string entry(const std::string& name, const std::string& text) {
  std::string line = "  " + name;
  if (line.size() + 2 > indent)
    line += '\n' + std::string(indent, ' ');
  else
    line.resize(indent, ' ');
  return line + wrapped(text, indent, indent);
}

std::string names_of(const CLI::Option& option) {
  std::string names = option.get_positional() ? option.get_single_name() : "";
  for (const auto& name : option.get_snames()) names += (names.empty() ? "-" : ", -") + name;
  for (const auto& name : option.get_lnames()) names += (names.empty() ? "--" : ", --") + name;
  const bool takes_value = option.get_items_expected_max() > 0;
  return takes_value ? names + ' ' + option.get_type_name() : names;
}

std::string section(const CLI::App& app, const std::string& group) {
  std::string text;
  for (const CLI::Option* option : app.get_options()) {
    if (option->get_group() != group) continue;
    std::string help = option->get_description();
    if (option->get_required())
      help += " (required)";
    else if (!option->get_default_str().empty())
      help += " (default " + option->get_default_str() + ")";
    text += entry(names_of(*option), help);
  }
  return text;
}

std::string usage(const CLI::App& app, const std::string& name) {
  std::string line = "Usage: " + name;
  for (const CLI::Option* option : app.get_options({})) {
    if (!option->get_required()) continue;
    const std::string value =
        option->get_positional() ? option->get_single_name() : option->get_type_name();
    const std::string flag = option->get_snames().empty() ? "--" + option->get_single_name()
                                                          : "-" + option->get_snames().front();
    line += ' ' + (option->get_positional() ? value : flag + ' ' + value);
  }
  return line + " [options]\n";
}

} // namespace

std::string help_text(const CLI::App& tool, const CLI::App* subcommand) {
  const CLI::App& app = subcommand ? *subcommand : tool;
  const auto jobs = app.get_subcommands({});
  const std::string name =
      subcommand ? tool.get_name() + ' ' + subcommand->get_name() : tool.get_name();
  std::string text = wrapped(app.get_description(), 0, 0) + '\n';
  if (jobs.empty())
    text += usage(app, name);
  else
    text += "Usage: " + name + " JOB [options], and " + name + " JOB --help\n\nJobs\n";
  for (const CLI::App* job : jobs) text += entry(job->get_name(), job->get_description());
  std::string options = section(app, "Options");
  if (subcommand) options += section(tool, "Options");
  if (!options.empty()) text += "\nOptions\n" + options;
  text += '\n' + common_group + '\n' + section(tool, common_group);
  if (!app.get_footer().empty()) text += '\n' + wrapped(app.get_footer(), 0, 0);
  return text;
}

} // namespace lookback::tools
