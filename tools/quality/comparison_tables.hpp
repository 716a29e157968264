// The comparison of a prior as text for a terminal, as CSV, and as tables of a page.
#pragma once

#include "tools/quality/prior_comparison.hpp"

namespace lookback::tools {

std::string comparison_text(const PriorComparison& comparison);
// Columns table (value, distance, curve), statistic, unit, at, then value and error of draws,
// held_out (of distances: the control) and reference.
std::string comparison_csv(const PriorComparison& comparison);
std::string comparison_html(const PriorComparison& comparison);

} // namespace lookback::tools
