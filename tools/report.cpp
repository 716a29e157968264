// The figure of a samples file, as SVG or in one self-contained HTML page with its quantities.
#include "engine/error.hpp"
#include "tools/common/command_line.hpp"
#include "tools/common/posterior_figure.hpp"
#include "tools/common/svg.hpp"
#include "tools/files/atomic_text.hpp"

#include <cmath>
#include <cstdio>

using namespace lookback;
using namespace lookback::tools;

namespace {

struct Options {
  std::filesystem::path samples, output;
  FigureOptions figure;
};

std::string number(double value) {
  if (!std::isfinite(value)) return "\u2013";
  char text[40];
  std::snprintf(text, sizeof text, "%.4g", value);
  return text;
}

std::string row(const std::vector<std::string>& cells) {
  std::string text = "<tr>";
  for (const std::string& cell : cells) text += "<td>" + escaped(cell) + "</td>";
  return text + "</tr>\n";
}

std::string quantity_rows(const std::vector<Quantity>& quantities) {
  std::string rows;
  for (const Quantity& quantity : quantities) {
    const std::vector<double> q = quantiles(quantity.values, summary_levels);
    rows +=
        row({quantity.name, quantity.unit, number(q[2]), number(q[1]) + " \u2026 " + number(q[3]),
             number(q[0]) + " \u2026 " + number(q[4])});
  }
  return rows;
}

std::string page(const Samples& s, const std::string& figure) {
  const std::string name = escaped(s.observation.name.empty() ? "prior" : s.observation.name);
  std::string text =
      "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n<title>" + name +
      "</title>\n<style>\n"
      "body{font-family:Helvetica,Arial,sans-serif;color:#222;max-width:1000px;"
      "margin:2em auto;padding:0 1em}\n"
      "svg{width:100%;height:auto}\n"
      "table{border-collapse:collapse;margin:1em 0 2em}\n"
      "th,td{text-align:left;padding:.25em 1.2em .25em 0;border-bottom:1px solid #ddd;"
      "overflow-wrap:anywhere}\n"
      "</style></head><body>\n<h1>" +
      name + "</h1>\n" + figure +
      "<h2>Quantities</h2>\n<table><tr><th>quantity</th><th>unit</th><th>median</th>"
      "<th>68 %</th><th>95 %</th></tr>\n" +
      quantity_rows(s.quantities) + quantity_rows(s.sample_stats) + "</table>\n";
  text += "<h2>How it was made</h2>\n<table>\n";
  for (const Quantity& constant : s.constants)
    text += row({constant.name, number(constant.values.at(0)) + ' ' + constant.unit});
  for (const auto& [key, value] : s.attributes) {
    const auto* words = std::get_if<std::string>(&value);
    const auto* whole = std::get_if<std::int64_t>(&value);
    text += row({key, words   ? *words
                      : whole ? std::to_string(*whole)
                              : number(std::get<double>(value))});
  }
  return text + "</table>\n</body></html>\n";
}

void report(const Options& o, CommandLine& line) {
  const std::string kind = o.output.extension().string();
  require(kind == ".svg" || kind == ".html", o.output.string(),
          ": the figure's name must end in .svg or .html");
  const Samples samples = read_samples(o.samples);
  const std::string figure = posterior_figure(samples, o.figure);
  write_text(o.output, kind == ".svg" ? figure : page(samples, figure), line.common().overwrite);
  line.log().say("report: wrote ", o.output.string());
}

} // namespace

int main(int argc, char** argv) {
  Options options;
  CommandLine line("report",
                   "Draws the star-formation and metallicity histories of a samples file, "
                   "and for a posterior the spectrum, its model and the residuals.");
  line.input("samples", options.samples, "draws to show (lookback-samples)");
  line.output(options.output, "figure (.svg), or a page with the figure and tables (.html)");
  line.option("--curves", options.figure.curves, "N", "single draws shown as thin lines")
      ->check(in_range(0, 1000));
  return line.run(argc, argv, [&] { report(options, line); });
}
