#include "tools/common/html_page.hpp"

#include "tools/common/svg.hpp"

namespace lookback::tools {

std::string html_page(const std::string& title, const std::string& body) {
  const std::string name = escaped(title);
  return "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n<title>" + name +
         "</title>\n<style>\n"
         "body{font-family:Helvetica,Arial,sans-serif;color:#222;max-width:1000px;"
         "margin:2em auto;padding:0 1em}\n"
         "svg{width:100%;height:auto}\n"
         "table{border-collapse:collapse;margin:1em 0 2em}\n"
         "th,td{text-align:left;padding:.25em 1.2em .25em 0;border-bottom:1px solid #ddd;"
         "overflow-wrap:anywhere}\n"
         "</style></head><body>\n<h1>" +
         name + "</h1>\n" + body + "</body></html>\n";
}

std::string html_row(const std::vector<std::string>& cells) {
  std::string text = "<tr>";
  for (const std::string& cell : cells) text += "<td>" + escaped(cell) + "</td>";
  return text + "</tr>\n";
}

} // namespace lookback::tools
