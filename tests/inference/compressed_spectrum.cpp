#include "tools/inference/compressed_spectrum.hpp"

#include "tests/inference/observed_case.hpp"

#include <doctest/doctest.h>

using namespace lookback;
using namespace lookback::test;
using namespace lookback::tools;
using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;

namespace {

const nn::SfrVariable variables[] = {nn::SfrVariable::linear, nn::SfrVariable::asinh,
                                     nn::SfrVariable::relative};

} // namespace

TEST_CASE("chi2 of the compressed spectrum is that of all pixels") {
  for (const nn::SfrVariable variable : variables) {
    CAPTURE(nn::name_of(variable));
    const Observed o(variable);
    const SpectrumData data =
        compressed_spectrum(o.model, o.grid.log_z_zsun, *o.likelihood, o.normalization);
    CHECK(data.size() < 60);
    for (unsigned seed = 2; seed < 6; ++seed) {
      const double whole = o.likelihood->chi2(o.model.value(o.history(seed)))[0];
      const double compressed =
          data.residual(o.x(seed)).squaredNorm() + data.pixels().rest.squaredNorm();
      // Directions weaker than 1e-6 are left out; with a total S/N of 570 they move chi by 6e-4.
      CHECK(std::abs(std::sqrt(compressed) - std::sqrt(whole)) < 1e-3);
    }
  }
}

TEST_CASE("the Jacobian of the compressed spectrum agrees with differences") {
  for (const nn::SfrVariable variable : variables) {
    CAPTURE(nn::name_of(variable));
    const Observed o(variable);
    const SpectrumData data =
        compressed_spectrum(o.model, o.grid.log_z_zsun, *o.likelihood, o.normalization);
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
