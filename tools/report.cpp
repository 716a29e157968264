// The figure of a samples file, as SVG or in one self-contained HTML page with its quantities;
// `report prior` the comparison of a prior's draws with histories.
#include "engine/error.hpp"
#include "tools/common/command_line.hpp"
#include "tools/common/html_page.hpp"
#include "tools/common/posterior_figure.hpp"
#include "tools/common/progress.hpp"
#include "tools/files/atomic_text.hpp"
#include "tools/quality/comparison_tables.hpp"
#include "tools/quality/prior_figure.hpp"
#include "tools/quality/prior_likelihood.hpp"

#include <cmath>
#include <cstdio>
#include <iostream>

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

std::string quantity_rows(const std::vector<Quantity>& quantities) {
  std::string rows;
  for (const Quantity& quantity : quantities) {
    const std::vector<double> q = quantiles(quantity.values, summary_levels);
    rows += html_row({quantity.name, quantity.unit, number(q[2]),
                      number(q[1]) + " \u2026 " + number(q[3]),
                      number(q[0]) + " \u2026 " + number(q[4])});
  }
  return rows;
}

std::string page(const Samples& s, const std::string& figure) {
  std::string body = figure +
                     "<h2>Quantities</h2>\n<table><tr><th>quantity</th><th>unit</th><th>median</th>"
                     "<th>68 %</th><th>95 %</th></tr>\n" +
                     quantity_rows(s.quantities) + quantity_rows(s.sample_stats) + "</table>\n";
  body += "<h2>How it was made</h2>\n<table>\n";
  for (const Quantity& constant : s.constants)
    body += html_row({constant.name, number(constant.values.at(0)) + ' ' + constant.unit});
  for (const auto& [key, value] : s.attributes) {
    const auto* words = std::get_if<std::string>(&value);
    const auto* whole = std::get_if<std::int64_t>(&value);
    body += html_row({key, words   ? *words
                           : whole ? std::to_string(*whole)
                                   : number(std::get<double>(value))});
  }
  return html_page(s.observation.name.empty() ? "prior" : s.observation.name, body + "</table>\n");
}

bool is_page(const std::filesystem::path& output) {
  const std::string kind = output.extension().string();
  require(kind == ".svg" || kind == ".html", output.string(),
          ": the figure's name must end in .svg or .html");
  return kind == ".html";
}

void report(const Options& o, CommandLine& line) {
  const bool html = is_page(o.output);
  const Samples samples = read_samples(o.samples);
  const std::string figure = posterior_figure(samples, o.figure);
  write_text(o.output, html ? page(samples, figure) : figure, line.common().overwrite);
  line.log().say("report: wrote ", o.output.string());
}

int report_samples(int argc, char** argv) {
  Options options;
  CommandLine line("report",
                   "Draws the star-formation and metallicity histories of a samples file, "
                   "and for a posterior the spectrum, its model and the residuals.");
  line.input("samples", options.samples, "draws to show (lookback-samples)");
  line.output(options.output, "figure (.svg), or a page with the figure and tables (.html)");
  line.option("--curves", options.figure.curves, "N", "single draws shown as thin lines")
      ->check(in_range(0, 1000));
  line.footer("report prior compares draws of a prior with histories it has not seen; report prior "
              "--help lists its options.");
  return line.run(argc, argv, [&] { report(options, line); });
}

struct PriorOptions {
  std::filesystem::path samples, histories;
  std::optional<std::filesystem::path> reference, output, table, prior;
  double min_mass_msun = 0;
  ComparisonOptions comparison;
  LikelihoodOptions likelihood;
};

void add_likelihood(PriorComparison& c, const HistorySet& draws, const HistorySet& held_out,
                    const HistorySet* reference, const PriorOptions& o, CommandLine& line) {
  const nn::Prior prior = nn::read_prior(*o.prior, backend_for(line.common().device));
  LikelihoodOptions options = o.likelihood;
  options.seed = line.common().seed;
  const std::int64_t batches = (options.count + likelihood_batch - 1) / likelihood_batch;
  Progress progress(line.log(), (reference ? 3 : 2) * batches, "likelihood");
  options.batch_done = [&] { progress.advance(); };
  const auto of = [&](const HistorySet& set) { return nats_per_number(prior, set, options); };
  c.values.push_back({"log-likelihood per number", "nats", of(draws), of(held_out),
                      reference ? of(*reference) : Estimate{}});
}

void report_prior(PriorOptions& o, CommandLine& line) {
  const bool overwrite = line.common().overwrite, html = o.output && is_page(*o.output);
  for (const auto& file : {o.output, o.table})
    if (file) require_writable({*file, overwrite});
  require(bool(o.prior) == (o.likelihood.count > 0),
          "--prior and --likelihood N go together: the log-likelihood of N histories");
  const Samples samples = read_samples(o.samples);
  require(!samples.posterior, "'", o.samples.string(),
          "' holds draws of a posterior; expected those of sample without --spectrum");
  const HistorySet draws = above_mass(history_set(samples), o.min_mass_msun);
  const HistorySet held = above_mass(held_out(read_histories(o.histories)), o.min_mass_msun);
  std::optional<HistorySet> reference;
  if (o.reference)
    reference = above_mass(history_set(read_histories(*o.reference)), o.min_mass_msun);
  o.comparison.seed = line.common().seed;
  o.comparison.progress = [&](const std::string& stage) {
    line.log().say("report: comparing, ", stage);
  };
  const HistorySet* other = reference ? &*reference : nullptr;
  PriorComparison comparison = compare_prior(draws, held, other, o.comparison);
  if (o.prior) add_likelihood(comparison, draws, held, other, o, line);
  std::cout << comparison_text(comparison);
  if (o.table) write_text(*o.table, comparison_csv(comparison), overwrite);
  if (!o.output) return;
  const std::string figure = prior_figure(comparison);
  write_text(*o.output,
             html ? html_page("Prior and held-out histories", figure + comparison_html(comparison))
                  : figure,
             overwrite);
}

int report_prior(int argc, char** argv) {
  PriorOptions o;
  CommandLine line("report prior",
                   "Compares draws of a prior with histories it has not seen: a table on standard "
                   "output, a figure, a page.");
  line.input("--samples", o.samples, "draws of the prior (lookback-samples)");
  line.input("--histories", o.histories,
             "held-out histories (lookback-histories): those of is_test, or all");
  line.option("--reference", o.reference, "FILE",
              "further histories to set beside them, all of them (lookback-histories)");
  line.option("-o,--output", o.output, "FILE",
              "figure (.svg), or a page with the figure and tables (.html)");
  line.option("--table", o.table, "FILE", "all numbers, with those of the figure (.csv)");
  line.option("--min-mass", o.min_mass_msun, "Msun",
              "leave out of all sets what formed less, to compare like with like")
      ->check(in_range(0.0, 1e30));
  line.option("--floor", o.comparison.floor_msun_per_yr, "Msun/yr",
              "SFR below which rates are not told apart: they enter as asinh(SFR/floor)")
      ->check(in_range(1e-12, 1e12));
  line.option("--blur", o.comparison.blur, "SIGMA",
              "noise on both sets, in standard deviations, for the second classifier")
      ->check(in_range(0.0, 100.0));
  line.option("--prior", o.prior, "FILE", "the prior (lookback-prior), for --likelihood");
  line.option("--likelihood", o.likelihood.count, "N",
              "histories of each set whose log-likelihood under the prior is computed")
      ->check(in_range(0, 10000000));
  line.option("--ode-steps", o.likelihood.steps, "N",
              "Heun steps of the probability-flow ODE for --likelihood")
      ->check(in_range(1, 1000000));
  line.add_seed();
  line.add_device();
  return line.run(argc, argv, [&] { report_prior(o, line); });
}

} // namespace

int main(int argc, char** argv) {
  if (argc > 1 && std::string_view(argv[1]) == "prior") return report_prior(argc - 1, argv + 1);
  return report_samples(argc, argv);
}
