// The page of a coverage run: ranks, TARP, intervals by time bin, chi^2, tables.
#pragma once

#include "tools/quality/coverage_tests.hpp"

namespace lookback::tools {

// `how`: markup of what was run.
std::string coverage_page(const CoverageAssessment& assessment,
                          const std::vector<double>& bin_edges_gyr, const std::string& how);

} // namespace lookback::tools
