// One mock of a coverage run: a galaxy of known history is observed, draws are made from its
// posterior, and truth and draws are reduced to quantities. Redshift and dust are drawn; the method
// knows the redshift, and the dust or the range it is drawn from. A mock depends on its number and the seed alone.
#pragma once

#include "tools/files/coverage_file.hpp"
#include "tools/inference/gaussian_mixture.hpp"
#include "tools/inference/methods.hpp"

#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace lookback::tools {

struct MockOptions {
  MethodOptions method;
  std::int64_t draws = 64;
  double snr = 50;            // mean flux over noise
  double min_mass_msun = 3e8; // that truths formed before the highest redshift; not of exact
  // "prior": the truth is drawn from the prior, so that errors are the method's alone. "exact": it
  // is drawn from the prior's mixture, S is linearised at the mixture's mean
  // history (x = 0), and the draws are exact.
  std::string control = "none";
  bool fit_a_v = false; // not of exact
  // The draws are made wrong: "widen" moves them 1.5 times as far from their mean, "narrow" 0.67
  // times, "shift" moves all by their standard deviation, "prior" takes draws of the prior instead.
  std::string plant = "none";

  bool exact() const { return control == "exact"; }
};

struct MockInputs {
  nn::Prior prior;
  physics::SspGrid grid;
  physics::TimeBins bins;
  std::vector<double> wavelength_angstrom;
  std::pair<double, double> redshift; // drawn evenly from this range
  NuisancePrior a_v;                  // drawn, and fitted where asked for
  std::uint64_t seed = 0;
  std::vector<std::int64_t> rows;         // of the histories file; none of a control
  Eigen::MatrixXd histories;              // [2 bins, rows]
  std::optional<GaussianMixture> mixture; // for the exact control
};

// Of a history at the highest redshift.
double formed_msun(const MockInputs& inputs, const Eigen::VectorXd& history);

MockShape shape_of(const MockInputs& inputs, const MockOptions& options);
CoveredMock run_mock(const MockInputs& inputs, const MockOptions& options, std::int64_t mock);

} // namespace lookback::tools
