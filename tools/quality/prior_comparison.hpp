// Draws of a prior beside histories it has not seen: values of both, and their distances. The
// control is the distance of one half of the held-out histories from the other, which is what the
// size of the samples alone makes; the halves being half as many, it is large by up to sqrt 2.
#pragma once

#include "tools/quality/history_set.hpp"

#include <cmath>
#include <functional>
#include <string>
#include <vector>

namespace lookback::tools {

struct Estimate {
  double value = NAN, error = NAN; // NaN: not known
};

struct ComparisonRow {
  std::string name, unit;
  Estimate draws, held_out, reference; // of distances, held_out is the control
};

struct ComparisonCurve {
  std::string name, unit;
  std::vector<double> at; // cosmic time, lag or period [Gyr]; of the mass function dex(Msun)
  std::vector<double> draws, held_out, reference;
};

struct PriorComparison {
  std::int64_t draws = 0, held_out = 0, reference = 0; // counts; reference 0: none
  std::vector<double> bin_edges_gyr;
  std::vector<ComparisonRow> values, distances;
  std::vector<ComparisonCurve> curves;

  const ComparisonCurve& curve(const std::string& name) const; // fails where there is none
};

struct ComparisonOptions {
  // Rates below are not told apart: a few star particles of TNG50 in a bin of 0.2 Gyr.
  double floor_msun_per_yr = 1e-3;
  double blur = 0.1; // of the second classifier, in standard deviations
  std::uint64_t seed = 0;
  std::function<void(const std::string& stage)> progress;
};

// `reference` may be null. Errors: bins that differ; fewer than 100 held-out histories or 50 of
// another set.
PriorComparison compare_prior(const HistorySet& draws, const HistorySet& held_out,
                              const HistorySet* reference, const ComparisonOptions& options);

} // namespace lookback::tools
