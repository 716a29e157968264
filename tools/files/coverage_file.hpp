// lookback-coverage: mocks of known truth and draws from the posterior of each, as quantities; and
// the files of single mocks in which an interrupted run leaves what it has done.
#pragma once

#include "tools/files/output.hpp"
#include "tools/files/samples.hpp"

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace lookback::tools {

struct CoveredMock {
  std::int64_t history = 0; // row of the histories file; of control mocks their number
  double redshift = 0, a_v = 0;
  std::int64_t data_size = 0;                     // numbers in chi^2
  double seconds = 0;                             // that the draws took
  std::vector<double> truth, reference;           // [quantities]
  std::vector<double> posterior;                  // [draws, quantities]
  std::vector<std::int64_t> sfr_rank, log_z_rank; // [bins] draws below the truth, of 0 ... draws;
                                                  // -1: after the epoch of observation
  std::vector<std::pair<std::string, double>> diagnostics; // of the method
};

struct MockShape {
  std::int64_t quantities, draws, bins;
};

// `job` identifies options and inputs.
void write_mock(const std::filesystem::path& file, const std::string& job, const MockShape& shape,
                const CoveredMock& mock);
// Errors: those of H5Reader; a file of another job or shape.
CoveredMock read_mock(const std::filesystem::path& file, const std::string& job,
                      const MockShape& shape);

struct Coverage {
  MockShape shape{};
  std::vector<std::string> names, units; // [quantities]
  std::vector<double> bin_edges_gyr;     // [bins + 1]
  std::vector<CoveredMock> mocks;        // diagnostics of all have the same names
  std::vector<std::pair<std::string, AttributeValue>> attributes;
};
void write_coverage(const OutputFile& output, const Coverage& coverage);

} // namespace lookback::tools
