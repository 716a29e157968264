#include "tools/common/toml.hpp"

#include "engine/error.hpp"

#include <algorithm>
#include <istream>
#include <string_view>

namespace lookback::tools {

namespace {

constexpr std::string_view blanks = " \t\r";
constexpr std::string_view key_characters =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-";

// Reads one line from its front. Quoted text is JSON's, which has TOML's escapes.
class LineParser {
public:
  LineParser(std::string_view rest, int number) : rest_(rest), number_(number) {}

  bool at_end() {
    skip_blanks();
    return rest_.empty() || rest_.front() == '#';
  }

  CLI::ConfigItem item() {
    CLI::ConfigItem item;
    check(rest_.front() != '[', "tables are not used here, write `key = value`");
    item.name = take(rest_.find_first_not_of(key_characters));
    check(!item.name.empty() && next_is('='), "expected `key = value`");
    if (next_is('['))
      while (!next_is(']')) {
        item.inputs.push_back(value());
        check(next_is(',') || (!rest_.empty() && rest_.front() == ']'),
              "expected , or ] in a list");
      }
    else
      item.inputs = {value()};
    check(at_end(), "nothing but a # comment may follow the value");
    return item;
  }

private:
  void check(bool good, const char* sentence) const {
    require(good, "line ", number_, " of the --config file: ", sentence);
  }
  void skip_blanks() {
    rest_.remove_prefix(std::min(rest_.find_first_not_of(blanks), rest_.size()));
  }
  std::string take(std::size_t count) {
    const std::string_view front = rest_.substr(0, count);
    rest_.remove_prefix(front.size());
    return std::string(front);
  }
  bool next_is(char character) {
    skip_blanks();
    if (rest_.empty() || rest_.front() != character) return false;
    rest_.remove_prefix(1);
    skip_blanks();
    return true;
  }

  std::string value() {
    skip_blanks();
    check(!rest_.empty(), "a value is missing");
    if (rest_.front() == '\'') {
      const auto end = rest_.find('\'', 1);
      check(end != rest_.npos, "a quote is not closed");
      const std::string quoted = take(end + 1);
      return quoted.substr(1, end - 1);
    }
    if (rest_.front() == '"') {
      std::size_t end = 1;
      while (end < rest_.size() && rest_[end] != '"') end += rest_[end] == '\\' ? 2 : 1;
      check(end < rest_.size(), "a quote is not closed");
      const auto text = nlohmann::json::parse(take(end + 1), nullptr, false);
      check(text.is_string(), "a quoted text has an unknown escape");
      return text.get<std::string>();
    }
    std::string word = take(rest_.find_first_of(" \t\r,]#"));
    std::erase(word, '_'); // 1_000
    double number;
    check(word == "true" || word == "false" || CLI::detail::lexical_cast(word, number),
          "a value is a number, true, false, quoted text or a list of these");
    return word;
  }

  std::string_view rest_;
  int number_;
};

} // namespace

std::vector<CLI::ConfigItem> parse_toml(std::istream& text) {
  std::vector<CLI::ConfigItem> items;
  std::string line;
  for (int number = 1; std::getline(text, line); ++number) {
    LineParser parser(line, number);
    if (parser.at_end()) continue;
    CLI::ConfigItem item = parser.item();
    for (const CLI::ConfigItem& earlier : items)
      require(earlier.name != item.name, "line ", number, " of the --config file: ", item.name,
              " is given a second time");
    if (!item.inputs.empty()) items.push_back(std::move(item));
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
