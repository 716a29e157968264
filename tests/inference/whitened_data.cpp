#include "tools/inference/whitened_data.hpp"

#include "tests/physics/galaxies.hpp"

#include <doctest/doctest.h>

using namespace lookback;
using namespace lookback::test;
using namespace lookback::tools;
using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;

namespace {

constexpr Index bins = 16;

// A spectrum of S/N about 50 with masked pixels and an error of calibration.
struct Observed {
  physics::SspGrid grid = small_grid();
  physics::TimeBins time = physics::equal_time_bins(int(bins));
  VectorXd wavelength = VectorXd::LinSpaced(150, 3900, 7500);
  physics::GalaxyModel model{grid, time, 0.05, 0.3, {wavelength.data(), 150}};
  nn::Normalization normalization;
  std::optional<SpectrumLikelihood> likelihood;

  explicit Observed(nn::SfrVariable variable) {
    normalization.mean.assign(2 * bins, 0.5);
    normalization.std.assign(2 * bins, 0.7);
    normalization.sfr = variable;
    normalization.floor = 0.1;
    const VectorXd flux = model.value(history(1)).col(0);
    Measurements m;
    for (Index p = 0; p < flux.size(); ++p) {
      m.flux.push_back(flux[p] * (1 + 0.02 * std::sin(double(p))));
      m.ivar.push_back(std::pow(50 / flux[p], 2));
      m.used.push_back(p % 7 != 3);
    }
    m.calibration = 0.05 * flux.asDiagonal() * uniform(flux.size(), 2, -1, 1, 5);
    likelihood.emplace(model, normalization, m);
  }
  VectorXd x(unsigned seed) const { return uniform(2 * bins, 1, -1, 1, seed); }
  VectorXd history(unsigned seed) const {
    const VectorXd at = x(seed);
    const auto h = nn::history_of({at.data(), std::size_t(at.size())}, normalization, 2);
    return VectorXd::Map(h.data(), 2 * bins);
  }
};

const nn::SfrVariable variables[] = {nn::SfrVariable::linear, nn::SfrVariable::asinh,
                                     nn::SfrVariable::relative};

} // namespace

TEST_CASE("chi2 of the compressed spectrum is that of all pixels") {
  for (const nn::SfrVariable variable : variables) {
    CAPTURE(nn::name_of(variable));
    const Observed o(variable);
    const CompressedSpectrum data(o.model, o.grid.log_z_zsun, *o.likelihood, o.normalization);
    CHECK(data.size() < 60);
    for (unsigned seed = 2; seed < 6; ++seed) {
      const double whole = o.likelihood->chi2(o.model.value(o.history(seed)))[0];
      const double compressed = data.residual(o.x(seed)).squaredNorm() + data.unexplained_chi2();
      // Directions weaker than 1e-6 are left out; with a total S/N of 570 they move chi by 6e-4.
      CHECK(std::abs(std::sqrt(compressed) - std::sqrt(whole)) < 1e-3);
    }
  }
}

TEST_CASE("the Jacobian of the compressed spectrum agrees with differences") {
  for (const nn::SfrVariable variable : variables) {
    CAPTURE(nn::name_of(variable));
    const Observed o(variable);
    const CompressedSpectrum data(o.model, o.grid.log_z_zsun, *o.likelihood, o.normalization);
    VectorXd x = o.x(3);
    const MatrixXd j = data.jacobian(x);
    const double scale = j.cwiseAbs().maxCoeff(), step = 1e-6;
    for (Index i = 0; i < x.size(); ++i) {
      const double at = x[i];
      x[i] = at + step;
      const VectorXd high = data.residual(x);
      x[i] = at - step;
      const VectorXd low = data.residual(x);
      x[i] = at;
      CHECK((j.col(i) + (high - low) / (2 * step)).norm() < 1e-7 * scale);
    }
  }
}
