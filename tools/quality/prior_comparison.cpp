#include "tools/quality/prior_comparison.hpp"

#include "engine/error.hpp"
#include "tools/quality/classifier.hpp"
#include "tools/quality/distances.hpp"
#include "tools/quality/history_statistics.hpp"

#include <algorithm>
#include <cstdio>
#include <optional>

namespace lookback::tools {

namespace {

using Column = std::vector<double>;
using physics::DerivedQuantities;

struct DerivedColumn {
  const char *name, *unit;
  double DerivedQuantities::*member;
};
constexpr DerivedColumn derived_columns[] = {
    {"log10 mass formed", "dex(Msun)", &DerivedQuantities::log10_mass_formed_msun},
    {"lookback time of half the mass", "Gyr", &DerivedQuantities::t50_lookback_gyr},
    {"lookback time of 90 % of the mass", "Gyr", &DerivedQuantities::t90_lookback_gyr},
    {"mass-weighted log Z", "dex", &DerivedQuantities::log_z_mass_weighted}};

// Everything of a set that is compared, computed once.
struct Summary {
  Summary(const HistorySet& set, const ComparisonOptions& o)
      : set(set), derived(derived_quantities(set)),
        scaled(scaled_histories(set, o.floor_msun_per_yr)),
        correlation(correlation_matrix(scaled, std::size_t(2 * set.bins))),
        quenched(quenched_share(set)), bursts(burst_spectrum(set)) {}

  Column of(double DerivedQuantities::*member) const {
    Column values;
    for (const DerivedQuantities& d : derived) values.push_back(d.*member);
    return values;
  }
  Column scaled_column(int c) const {
    Column values;
    for (auto i = std::size_t(c); i < scaled.size(); i += std::size_t(2 * set.bins))
      values.push_back(scaled[i]);
    return values;
  }

  const HistorySet& set;
  std::vector<DerivedQuantities> derived;
  Column scaled, correlation, quenched, bursts;
};

struct Named {
  std::string name, unit;
  Estimate estimate;
};

double period_gyr(const HistorySet& set, std::size_t k) {
  return (set.bin_edges_gyr.back() - set.bin_edges_gyr.front()) / double(k + 1);
}

// Root of the summed power of periods from `low` to `high`.
double bursts_dex(const Summary& s, double low_gyr, double high_gyr) {
  double power = 0;
  for (std::size_t k = 0; k < s.bursts.size(); ++k)
    if (period_gyr(s.set, k) >= low_gyr && period_gyr(s.set, k) < high_gyr) power += s.bursts[k];
  return std::sqrt(power);
}

std::vector<Named> values_of(const Summary& s) {
  std::vector<Named> values;
  for (const DerivedColumn& column : derived_columns) {
    const Column q = quantiles(s.of(column.member), summary_levels);
    for (std::size_t i = 0; i < q.size(); ++i) {
      char level[32];
      std::snprintf(level, sizeof level, ", %g %%", 100 * summary_levels[i]);
      values.push_back({column.name + std::string(level), column.unit, {q[i]}});
    }
  }
  const double quenched = s.quenched.back(), n = double(s.set.count());
  values.push_back({"quenched in the last bin (below 1e-11/yr)",
                    "share",
                    {quenched, std::sqrt(quenched * (1 - quenched) / n)}});
  values.push_back({"bins with SFR below 0", "share", {negative_share(s.set)}});
  values.push_back({"burstiness, periods below 1 Gyr", "dex", {bursts_dex(s, 0, 1)}});
  values.push_back({"burstiness, periods of 1 Gyr and above", "dex", {bursts_dex(s, 1, INFINITY)}});
  return values;
}

double mean_ks(const Summary& a, const Summary& b, int first_column) {
  double sum = 0;
  for (int c = first_column; c < first_column + a.set.bins; ++c)
    sum += ks_distance(a.scaled_column(c), b.scaled_column(c));
  return sum / a.set.bins;
}

double mean_wasserstein(const Summary& a, const Summary& b, int first_column) {
  double sum = 0;
  for (int c = first_column; c < first_column + a.set.bins; ++c)
    sum += wasserstein_distance(a.scaled_column(c), b.scaled_column(c));
  return sum / a.set.bins;
}

double largest_gap(const Column& a, const Column& b) {
  double largest = 0;
  for (std::size_t i = 0; i < a.size(); ++i) largest = std::fmax(largest, std::abs(a[i] - b[i]));
  return largest;
}

double rms_log_ratio(const Column& a, const Column& b) {
  double squares = 0;
  for (std::size_t i = 0; i < a.size(); ++i) squares += std::pow(std::log10(a[i] / b[i]), 2);
  return std::sqrt(squares / double(a.size()));
}

// Columns in units of their standard deviation over b: distances then weigh them alike.
std::vector<float> in_deviations(const Column& x, const Column& b, std::size_t columns) {
  Column mean(columns, 0.0), squares(columns, 0.0);
  const double rows = double(b.size() / columns);
  for (std::size_t i = 0; i < b.size(); ++i) mean[i % columns] += b[i] / rows;
  for (std::size_t i = 0; i < b.size(); ++i)
    squares[i % columns] += std::pow(b[i] - mean[i % columns], 2) / rows;
  std::vector<float> result(x.size(), 0.0f);
  for (std::size_t i = 0; i < x.size(); ++i)
    if (squares[i % columns] > 0)
      result[i] = float((x[i] - mean[i % columns]) / std::sqrt(squares[i % columns]));
  return result;
}

std::vector<Named> distances_between(const Summary& a, const Summary& b,
                                     const ComparisonOptions& o) {
  const int bins = a.set.bins;
  const auto columns = std::size_t(2 * bins);
  std::vector<Named> rows;
  for (const DerivedColumn& c : derived_columns) {
    const std::string name = c.name;
    rows.push_back({name + ", KS", "", {ks_distance(a.of(c.member), b.of(c.member))}});
    rows.push_back(
        {name + ", Wasserstein", c.unit, {wasserstein_distance(a.of(c.member), b.of(c.member))}});
  }
  rows.push_back({"SFR by bin, mean KS", "", {mean_ks(a, b, 0)}});
  rows.push_back({"SFR by bin, mean Wasserstein", "asinh", {mean_wasserstein(a, b, 0)}});
  rows.push_back({"log Z by bin, mean KS", "", {mean_ks(a, b, bins)}});
  rows.push_back({"log Z by bin, mean Wasserstein", "dex", {mean_wasserstein(a, b, bins)}});
  const Deviation correlations = deviation(a.correlation, b.correlation);
  rows.push_back({"correlations, rms", "", {correlations.rms}});
  rows.push_back({"correlations, largest", "", {correlations.largest}});
  rows.push_back({"quenched share by time, largest", "", {largest_gap(a.quenched, b.quenched)}});
  rows.push_back({"burst spectrum, rms", "dex", {rms_log_ratio(a.bursts, b.bursts)}});
  const double p = pqmass(in_deviations(a.scaled, b.scaled, columns),
                          in_deviations(b.scaled, b.scaled, columns), columns, {.seed = o.seed});
  rows.push_back({"PQMass, median p", "", {p}});
  for (const double blur : {0.0, o.blur}) {
    const Accuracy accuracy =
        classifier_accuracy(a.scaled, b.scaled, columns, {.blur = blur, .seed = o.seed});
    char name[64];
    std::snprintf(name, sizeof name, "classifier accuracy, blur %g", blur);
    rows.push_back({name, "", {accuracy.value, accuracy.error}});
  }
  return rows;
}

std::vector<ComparisonRow> joined(const std::vector<Named>& draws,
                                  const std::vector<Named>& held_out,
                                  const std::vector<Named>& reference) {
  std::vector<ComparisonRow> rows;
  for (std::size_t i = 0; i < draws.size(); ++i)
    rows.push_back({draws[i].name, draws[i].unit, draws[i].estimate, held_out[i].estimate,
                    reference.empty() ? Estimate{} : reference[i].estimate});
  return rows;
}

// Mass function: share of the galaxies per dex of mass formed.
constexpr double mass_step_dex = 0.25, lowest_mass_dex = 5, highest_mass_dex = 13;

Column mass_function(const Summary& s) {
  Column density(std::size_t((highest_mass_dex - lowest_mass_dex) / mass_step_dex), 0.0);
  for (const DerivedQuantities& d : s.derived) {
    const double cell = std::floor((d.log10_mass_formed_msun - lowest_mass_dex) / mass_step_dex);
    if (cell >= 0 && cell < double(density.size()))
      density[std::size_t(cell)] += 1 / (mass_step_dex * double(s.set.count()));
  }
  return density;
}

void add_curves(PriorComparison& c, const Summary& draws, const Summary& held_out,
                const Summary* reference) {
  const HistorySet& set = draws.set;
  const int bins = set.bins;
  const auto add = [&](const std::string& name, const std::string& unit, const Column& at,
                       const auto& of) {
    c.curves.push_back(
        {name, unit, at, of(draws), of(held_out), reference ? of(*reference) : Column{}});
  };
  Column middle, lag, period;
  for (int b = 0; b < bins; ++b) {
    middle.push_back(0.5 *
                     (set.bin_edges_gyr[std::size_t(b)] + set.bin_edges_gyr[std::size_t(b + 1)]));
    lag.push_back(b * (set.bin_edges_gyr.back() - set.bin_edges_gyr.front()) / bins);
  }
  for (std::size_t k = 0; k < draws.bursts.size(); ++k) period.push_back(period_gyr(set, k));
  for (const double level : summary_levels) {
    char percent[32];
    std::snprintf(percent, sizeof percent, " %g %%", 100 * level);
    const auto of = [&](std::vector<float> HistorySet::*values) {
      return [=](const Summary& s) {
        return quantiles_by_bin(s.set.*values, s.set.bins, std::vector{level})[0];
      };
    };
    add("sfr" + std::string(percent), "Msun/yr", middle, of(&HistorySet::sfr_msun_per_yr));
    add("log_z" + std::string(percent), "dex", middle, of(&HistorySet::log_z_zsun));
  }
  Column mass;
  for (double m = lowest_mass_dex; m < highest_mass_dex; m += mass_step_dex)
    mass.push_back(m + mass_step_dex / 2);
  add("mass", "1/dex", mass, mass_function);
  add("quenched", "share", middle, [](const Summary& s) { return s.quenched; });
  add("bursts", "dex^2", period, [](const Summary& s) { return s.bursts; });
  const auto correlation = [&](int row, int column) {
    return [=](const Summary& s) { return correlation_by_lag(s.correlation, bins, row, column); };
  };
  add("correlation sfr sfr", "", lag, correlation(0, 0));
  add("correlation log_z log_z", "", lag, correlation(1, 1));
  add("correlation sfr log_z", "", lag, correlation(0, 1));
}

} // namespace

const ComparisonCurve& PriorComparison::curve(const std::string& name) const {
  const auto found = std::find_if(curves.begin(), curves.end(),
                                  [&](const ComparisonCurve& c) { return c.name == name; });
  require(found != curves.end(), "the comparison has no curve '", name, "'");
  return *found;
}

PriorComparison compare_prior(const HistorySet& draws, const HistorySet& held_out,
                              const HistorySet* reference, const ComparisonOptions& o) {
  require(held_out.count() >= 100 && draws.count() >= 50 &&
              (!reference || reference->count() >= 50),
          "comparing needs at least 100 histories, 50 draws and 50 of the reference; there are ",
          held_out.count(), ", ", draws.count(), " and ", reference ? reference->count() : 0);
  require_same_bins(draws, held_out, "the histories file");
  if (reference) require_same_bins(draws, *reference, "the reference");
  const auto [first, second] = halves(held_out, o.seed);
  const auto stage = [&](const char* name) {
    if (o.progress) o.progress(name);
  };
  stage("draws");
  const Summary of_draws(draws, o), of_held_out(held_out, o);
  const auto draws_from = distances_between(of_draws, of_held_out, o);
  stage("control");
  const auto control = distances_between(Summary(first, o), Summary(second, o), o);
  PriorComparison c{draws.count(), held_out.count(), 0, draws.bin_edges_gyr, {}, {}, {}};
  std::optional<Summary> of_reference;
  std::vector<Named> reference_values, reference_from;
  if (reference) {
    stage("reference");
    of_reference.emplace(*reference, o);
    c.reference = reference->count();
    reference_values = values_of(*of_reference);
    reference_from = distances_between(*of_reference, of_held_out, o);
  }
  c.values = joined(values_of(of_draws), values_of(of_held_out), reference_values);
  c.distances = joined(draws_from, control, reference_from);
  add_curves(c, of_draws, of_held_out, of_reference ? &*of_reference : nullptr);
  return c;
}

} // namespace lookback::tools
