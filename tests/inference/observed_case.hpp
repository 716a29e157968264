// A small spectrum of S/N about 50 with masked pixels and an error of calibration, and the
// likelihood of histories x[L, 2].
#pragma once

#include "tests/physics/galaxies.hpp"
#include "tools/inference/compressed_spectrum.hpp"
#include "tools/inference/history_at.hpp"

#include <cmath>

namespace lookback::test {

struct Observed {
  static constexpr Eigen::Index bins = 16;
  physics::SspGrid grid = small_grid();
  physics::TimeBins time = physics::equal_time_bins(int(bins));
  Eigen::VectorXd wavelength = Eigen::VectorXd::LinSpaced(150, 3900, 7500);
  physics::GalaxyModel model{grid, time, 0.05, 0.3, {wavelength.data(), 150}};
  nn::Normalization normalization;
  std::optional<tools::SpectrumLikelihood> likelihood;

  explicit Observed(nn::SfrVariable variable) {
    normalization.mean.assign(2 * bins, 0.5);
    normalization.std.assign(2 * bins, 0.7);
    normalization.sfr = variable;
    normalization.floor = 0.1;
    const Eigen::VectorXd flux = model.value(history(1)).col(0);
    tools::Measurements m;
    for (Eigen::Index p = 0; p < flux.size(); ++p) {
      m.flux.push_back(flux[p] * (1 + 0.02 * std::sin(double(p))));
      m.ivar.push_back(std::pow(50 / flux[p], 2));
      m.used.push_back(p % 7 != 3);
    }
    m.calibration = 0.05 * flux.asDiagonal() * uniform(flux.size(), 2, -1, 1, 5);
    likelihood.emplace(model, normalization, m);
  }
  Eigen::VectorXd x(unsigned seed) const { return uniform(2 * bins, 1, -1, 1, seed); }
  Eigen::VectorXd history(unsigned seed) const { return tools::history_at(x(seed), normalization); }
};

} // namespace lookback::test
