#include "tools/quality/comparison_tables.hpp"

#include "tools/common/html_page.hpp"

#include <cstdio>

namespace lookback::tools {

namespace {

const char* const values_heading[] = {"value", "draws", "held-out", "reference"};
const char* const distances_heading[] = {"distance from held-out", "draws", "control", "reference"};
const char* const control_note = "control: one half of the held-out histories from the other";

std::string formatted(const char* format, auto... values) {
  char text[200];
  std::snprintf(text, sizeof text, format, values...);
  return text;
}

std::string cell(const Estimate& e) {
  if (!std::isfinite(e.value)) return "\u2013";
  const std::string value = formatted("%.4g", e.value);
  return std::isfinite(e.error) ? value + formatted(" \u00b1 %.2g", e.error) : value;
}

std::string name_of(const ComparisonRow& row) {
  return row.unit.empty() ? row.name : row.name + " [" + row.unit + "]";
}

// Spaces behind text of UTF-8 up to a width in letters.
std::string padded(const std::string& text, std::size_t width) {
  std::size_t letters = 0;
  for (const char c : text) letters += (static_cast<unsigned char>(c) & 0xC0) != 0x80;
  return text + std::string(letters < width ? width - letters : 1, ' ');
}

std::string line(const std::string& name, const std::string& draws, const std::string& held_out,
                 const std::string& reference) {
  return padded(name, 54) + padded(draws, 18) + padded(held_out, 18) + reference + '\n';
}

std::string text_table(const char* const heading[4], const std::vector<ComparisonRow>& rows,
                       bool reference) {
  std::string text = line(heading[0], heading[1], heading[2], reference ? heading[3] : "");
  for (const ComparisonRow& row : rows)
    text += line(name_of(row), cell(row.draws), cell(row.held_out),
                 reference ? cell(row.reference) : "");
  return text;
}

std::string html_table(const char* const heading[4], const std::vector<ComparisonRow>& rows,
                       bool reference) {
  std::string text = "<table>";
  const auto add = [&](std::vector<std::string> cells) {
    if (!reference) cells.pop_back();
    text += html_row(cells);
  };
  add({heading[0], heading[1], heading[2], heading[3]});
  for (const ComparisonRow& row : rows)
    add({name_of(row), cell(row.draws), cell(row.held_out), cell(row.reference)});
  return text + "</table>\n";
}

std::string csv_number(double value) {
  return std::isfinite(value) ? formatted("%.9g", value) : "";
}

std::string csv_line(const char* table, const std::string& name, const std::string& unit, double at,
                     const Estimate& draws, const Estimate& held_out, const Estimate& reference) {
  std::string text = table + std::string(",\"") + name + "\"," + unit + ',' + csv_number(at);
  for (const Estimate& e : {draws, held_out, reference})
    text += ',' + csv_number(e.value) + ',' + csv_number(e.error);
  return text + '\n';
}

} // namespace

std::string comparison_text(const PriorComparison& c) {
  const bool reference = c.reference > 0;
  std::string text = formatted("%lld draws, %lld held-out histories",
                               static_cast<long long>(c.draws), static_cast<long long>(c.held_out));
  if (reference) text += formatted(", %lld of the reference", static_cast<long long>(c.reference));
  return text + "; " + control_note + "\n\n" + text_table(values_heading, c.values, reference) +
         '\n' + text_table(distances_heading, c.distances, reference);
}

std::string comparison_csv(const PriorComparison& c) {
  std::string text = "table,statistic,unit,at,draws,draws_error,held_out,held_out_error,"
                     "reference,reference_error\n";
  for (const ComparisonRow& r : c.values)
    text += csv_line("value", r.name, r.unit, NAN, r.draws, r.held_out, r.reference);
  for (const ComparisonRow& r : c.distances)
    text += csv_line("distance", r.name, r.unit, NAN, r.draws, r.held_out, r.reference);
  for (const ComparisonCurve& curve : c.curves)
    for (std::size_t i = 0; i < curve.at.size(); ++i)
      text += csv_line("curve", curve.name, curve.unit, curve.at[i], {curve.draws[i]},
                       {curve.held_out[i]},
                       curve.reference.empty() ? Estimate{} : Estimate{curve.reference[i]});
  return text;
}

std::string comparison_html(const PriorComparison& c) {
  const bool reference = c.reference > 0;
  return "<h2>Values</h2>\n" + html_table(values_heading, c.values, reference) +
         "<h2>Distances</h2>\n<p>" + control_note + ".</p>\n" +
         html_table(distances_heading, c.distances, reference);
}

} // namespace lookback::tools
