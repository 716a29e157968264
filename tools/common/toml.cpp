#include "tools/common/toml.hpp"

#include "engine/error.hpp"

#include <toml++/toml.h>

#include <charconv>

namespace lookback::tools {
namespace {

std::string number_text(double value) {
  char text[32];
  const auto end =
      std::to_chars(text, text + sizeof text, value).ptr; // the shortest that reads back
  return {text, end};
}

std::string input_of(const toml::node& node) {
  if (const auto text = node.value_exact<std::string>()) return *text;
  if (const auto whole = node.value_exact<std::int64_t>()) return std::to_string(*whole);
  if (const auto number = node.value_exact<double>()) return number_text(*number);
  if (const auto truth = node.value_exact<bool>()) return *truth ? "true" : "false";
  fail("line ", node.source().begin.line,
       " of the --config file: expected a number, true, false, text or a list of these");
}

} // namespace

std::vector<CLI::ConfigItem> parse_toml(std::istream& text) {
  std::vector<CLI::ConfigItem> items;
  try {
    for (auto&& [key, node] : toml::parse(text)) {
      CLI::ConfigItem item;
      item.name = std::string(key.str());
      if (const toml::array* list = node.as_array())
        for (const toml::node& element : *list) item.inputs.push_back(input_of(element));
      else
        item.inputs = {input_of(node)};
      if (!item.inputs.empty()) items.push_back(std::move(item));
    }
  } catch (const toml::parse_error& error) {
    fail("line ", error.source().begin.line, " of the --config file: ", error.description());
  }
  return items;
}

std::string write_toml(const nlohmann::ordered_json& object) {
  std::string text;
  for (const auto& [key, value] : object.items())
    if (!value.is_null()) text += key + " = " + value.dump() + '\n';
  return text;
}

} // namespace lookback::tools
