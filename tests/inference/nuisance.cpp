#include "tools/inference/nuisance.hpp"

#include "tests/inference/gaussian_case.hpp"
#include "tests/inference/observed_case.hpp"
#include "tests/tools/files_helpers.hpp"
#include "tools/inference/dkps.hpp"
#include "tools/inference/nuisance_spectrum.hpp"

#include <Eigen/Cholesky>
#include <Eigen/LU>

#include <cmath>
#include <doctest/doctest.h>

using namespace lookback;
using namespace lookback::test;
using namespace lookback::tools;
using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;

namespace {

using Parameter = physics::Nuisance;

// A_V and redshift of a small spectrum left free.
struct Free {
  Observed o{nn::SfrVariable::asinh};
  physics::Instrument instrument =
      physics::spectrograph({o.wavelength.data(), std::size_t(o.wavelength.size())});
  std::vector<NuisancePrior> free{even_prior(&Parameter::a_v, 0, 2),
                                  gaussian_prior(&Parameter::redshift, 0.05, 1e-4)};
  SpectrumData data = nuisance_spectrum(
      [this](const physics::Nuisance& n) {
        return physics::GalaxyModel(o.grid, o.time, n, instrument);
      },
      {0.3, 0.05, 0}, free, o.grid.log_z_zsun, *o.likelihood, o.normalization);

  // A history like the one observed, A_V near the truth's, the redshift within its errors.
  VectorXd x(unsigned seed) const {
    VectorXd all(2 * Observed::bins + 2);
    all << o.x(1) + 0.03 * o.x(seed), -1 + 0.1 * o.x(seed)[0], 2 * o.x(seed)[1];
    return all;
  }
  double chi2(const VectorXd& x) const {
    const physics::GalaxyModel model(
        o.grid, o.time, {free[0].value(x[x.size() - 2]), free[1].value(x[x.size() - 1]), 0},
        instrument);
    return o.likelihood->chi2(model.value(history_at(x, o.normalization)))[0];
  }
};

} // namespace

TEST_CASE("chi of a spectrum with free dust and redshift is that of its own model, to 0.2") {
  const Free f;
  double constant = 0; // of pixels that nothing explains
  for (unsigned seed = 2; seed < 12; ++seed) {
    const VectorXd x = f.x(seed);
    const double whole = f.chi2(x), compressed = f.data.residual(x).squaredNorm();
    if (seed == 2) constant = whole - compressed;
    CHECK(constant >= 0);
    CHECK(std::abs(std::sqrt(compressed + constant) - std::sqrt(whole)) < 0.2);
  }
}

TEST_CASE("the Jacobian of a spectrum with free parameters agrees with differences") {
  const Free f;
  VectorXd x = f.x(3);
  const MatrixXd j = f.data.jacobian(x);
  const double scale = j.cwiseAbs().maxCoeff(), step = 1e-6;
  for (Index i = 0; i < x.size(); ++i) {
    const double at = x[i];
    x[i] = at + step;
    const VectorXd high = f.data.residual(x);
    x[i] = at - step;
    const VectorXd low = f.data.residual(x);
    x[i] = at;
    CHECK((j.col(i) + (high - low) / (2 * step)).norm() < 1e-7 * scale);
  }
}

TEST_CASE("an even prior is even in its parameter, a Gaussian one Gaussian") {
  const NuisancePrior even = even_prior(&Parameter::a_v, 1, 3);
  CHECK(even.value(0) == doctest::Approx(2));
  CHECK(even.value(0.6744897501960817) == doctest::Approx(2.5)); // the upper quartile of N(0, 1)
  CHECK(even.value(-40) == doctest::Approx(1));
  const NuisancePrior normal = gaussian_prior(&Parameter::redshift, 0.1, 0.01);
  CHECK(normal.value(1.5) == doctest::Approx(0.115));
  CHECK(normal.value(9) == doctest::Approx(0.15));
  CHECK(normal.slope(9) == 0);
  for (const NuisancePrior& p : {even, normal}) {
    CHECK(p.slope(0.4) == doctest::Approx((p.value(0.4 + 1e-5) - p.value(0.4 - 1e-5)) / 2e-5));
    CHECK(p.u_of(p.value(-1.7)) == doctest::Approx(-1.7));
  }
  CHECK(contains(message([] { even_prior(&Parameter::a_v, 2, 1); }), "the second larger"));
  CHECK(contains(message([] { gaussian_prior(&Parameter::redshift, 0.1, 0.03); }), "a fifth"));
}

// u joins a Gaussian prior as one more independent variable.
TEST_CASE("a free parameter is drawn from the joint posterior") {
  const Index D = 4, S = 2000;
  const GaussianMixture prior(VectorXd::Ones(1), normals(D, 1, 1), {covariance(D, 2)});
  MatrixXd whole = MatrixXd::Identity(D + 1, D + 1);
  whole.topLeftCorner(D, D) = prior.covariance(0);
  VectorXd centre = VectorXd::Zero(D + 1);
  centre.head(D) = prior.mean().col(0);
  const LinearData data = linear_data(GaussianMixture(VectorXd::Ones(1), centre, {whole}), 3, 10);
  const MixtureDenoiser histories(prior);
  const JointDenoiser denoiser(histories, 1);
  JointConditional conditional(std::make_shared<MixtureConditional>(prior), 1);
  const MatrixXd x = sample_dkps(denoiser, conditional, data, 0, S, {.levels = 20}).x;
  const MatrixXd a = data.jacobian({});
  const MatrixXd c = (whole.inverse() + a.transpose() * a).inverse();
  const VectorXd mean =
      c * (whole.inverse() * centre + a.transpose() * data.residual(VectorXd::Zero(D + 1)));
  const Eigen::LLT<MatrixXd> llt(c);
  const MatrixXd white = llt.matrixL().solve(x.colwise() - mean);
  // Monte Carlo errors of S draws, 5 of them.
  CHECK(white.rowwise().mean().cwiseAbs().maxCoeff() < 5 / std::sqrt(double(S)));
  const MatrixXd found = white * white.transpose() / double(S);
  CHECK((found - MatrixXd::Identity(D + 1, D + 1)).cwiseAbs().maxCoeff() <
        5 * std::sqrt(2.0 / double(S)));
  CHECK((denoiser.jacobian(centre, 0.5) - denoiser.jacobian(centre, 0.5).transpose()).norm() == 0);
}
