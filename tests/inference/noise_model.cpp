#include "tools/inference/noise_model.hpp"

#include "engine/parallel.hpp"
#include "tests/inference/gaussian_case.hpp"
#include "tests/inference/observed_case.hpp"
#include "tools/inference/dkps.hpp"

#include <Eigen/Cholesky>
#include <Eigen/LU>
#include <Eigen/QR>

#include <cmath>
#include <doctest/doctest.h>

using namespace lookback;
using namespace lookback::test;
using namespace lookback::tools;
using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;

namespace {

// Independent numbers for the n-th of many draws.
ChainNumbers numbers_of(Index n) {
  return {9, n, 0, Purpose::posterior_noise};
}

VectorXd noise_scales(double chi2, Index pixels, Index draws) {
  VectorXd s(draws);
  for (Index n = 0; n < draws; ++n) s[n] = draw_noise_scale(chi2, pixels, numbers_of(n).uniform());
  return s;
}

// y = A x + noise in P pixels, of which A spans D; `prior` is Gaussian.
struct Pixels {
  GaussianMixture prior;
  MatrixXd a;
  VectorXd truth, y; // without noise
  std::unique_ptr<LinearData> data;
  PixelBasis pixels;

  Pixels(Index D, Index P, std::uint32_t object, double strength = 1)
      : prior(VectorXd::Ones(1), normals(D, 1, 1), {covariance(D, 2)}),
        a(strength * normals(P, D, object)), truth(prior.draw(normals(D, 1, object + 1), 0.3)),
        y(a * truth) {}

  void observe(const VectorXd& noise) {
    const VectorXd seen = y + noise;
    const Eigen::HouseholderQR<MatrixXd> qr(a);
    pixels.basis = qr.householderQ() * MatrixXd::Identity(a.rows(), a.cols());
    data =
        std::make_unique<LinearData>(pixels.basis.transpose() * a, pixels.basis.transpose() * seen);
    pixels.rest = seen - pixels.basis * (pixels.basis.transpose() * seen);
  }
  DkpsDraws draws(Index count, const NoiseOptions& options, int levels = 20) const {
    const MixtureDenoiser denoiser(prior);
    MixtureConditional conditional(prior);
    const NoiseModel noise(*data, pixels, options);
    return sample_dkps(denoiser, conditional, *data, 0, count, {.levels = levels}, {},
                       options.jitter || options.outliers ? &noise : nullptr);
  }
};

struct Mean {
  double value, error;
};

Mean mean_of(const VectorXd& v) {
  const double mean = v.mean();
  return {mean, std::sqrt((v.array() - mean).square().sum() / double(v.size() * (v.size() - 1)))};
}

// Of the sum of x, which stands for the mass, from the truth, in posterior standard deviations.
double z_score(const DkpsDraws& draws, const VectorXd& truth) {
  const Mean mass = mean_of(draws.x.colwise().sum().transpose());
  return (mass.value - truth.sum()) / (mass.error * std::sqrt(double(draws.x.cols())));
}

} // namespace

// chi^2/s^2 is chi-squared of P: mean P, variance 2 P, third moment about the mean 8 P.
TEST_CASE("given the history the square of the noise scale is inverse gamma") {
  const Index S = 20000;
  for (const Index P : {40, 3000}) {
    CAPTURE(P);
    const double chi2 = 2.25 * double(P);
    const VectorXd v = chi2 / noise_scales(chi2, P, S).array().square();
    const VectorXd off = (v.array() - double(P)) / std::sqrt(2.0 * double(P));
    CHECK(std::abs(off.mean()) < 5 / std::sqrt(double(S)));
    CHECK(std::abs(off.array().square().mean() - 1) < 5 * std::sqrt((2 + 12.0 / double(P)) / S));
    CHECK(std::abs(off.array().cube().mean() - std::sqrt(8.0 / double(P))) <
          5 * std::sqrt(15.0 / S));
  }
}

// Far outside, the density falls exponentially from the nearer end, at |P - chi^2/s^2| in ln s.
TEST_CASE("the noise scale stays within its range where the data ask for another") {
  const Index P = 2000, S = 4000;
  for (const double ratio : {1e-4, 0.1, 6.0, 100.0}) {
    CAPTURE(ratio);
    const double chi2 = ratio * ratio * double(P);
    const VectorXd s = noise_scales(chi2, P, S);
    CHECK((s.minCoeff() >= 0.5 && s.maxCoeff() <= 5));
    const double end = ratio < 1 ? 0.5 : 5;
    const double rate = std::abs(double(P) - chi2 / (end * end));
    double mean = 0;
    for (const double each : s) mean += std::abs(std::log(each / end)) / double(S);
    CHECK(mean == doctest::Approx(1 / rate).epsilon(5 / std::sqrt(double(S)) + 5 / rate));
  }
  CHECK(noise_scales(0, P, 10).maxCoeff() < 0.51);
}

TEST_CASE("an outlier is as probable as its residual and the fraction say") {
  const Index S = 4000;
  const LinearData data(MatrixXd::Identity(1, 1), VectorXd::Zero(1));
  for (const double r : {0.0, 3.0, 4.0, 6.0}) {
    const PixelBasis pixels{MatrixXd::Zero(1, 1), VectorXd::Constant(1, r)};
    const NoiseModel noise(data, pixels, {.outliers = true});
    const double inlier = 0.9 * std::exp(-0.5 * r * r / 2.25),
                 outlier = 0.1 * std::exp(-0.005 * r * r / 2.25) / 10;
    VectorXd f(S);
    for (Index n = 0; n < S; ++n) {
      ChainNumbers numbers = numbers_of(n);
      f[n] = noise.draw(VectorXd::Zero(1), {1.5, 0.1, {}, {}}, numbers).outlier_fraction;
    }
    const Mean mean = mean_of(f); // given z = 0 or 1 outlier of one pixel: Beta(1 + z, 100 - z)
    CHECK(std::abs(mean.value - (1 + outlier / (inlier + outlier)) / 101) < 5 * mean.error);
  }
}

TEST_CASE("chi2 under drawn noise is that of all pixels with that noise, but for a constant") {
  const Observed o(nn::SfrVariable::asinh);
  const SpectrumData data =
      compressed_spectrum(o.model, o.grid.log_z_zsun, *o.likelihood, o.normalization);
  PixelBasis pixels = data.pixels();
  CHECK((pixels.basis.transpose() * pixels.basis - MatrixXd::Identity(data.size(), data.size()))
            .cwiseAbs()
            .maxCoeff() < 1e-4);
  for (const Index p : {3, 20, 50, 51, 90}) { // moved, as far as the basis does not follow
    const VectorXd moved = 60 * VectorXd::Unit(pixels.rest.size(), p);
    pixels.rest += moved - pixels.basis * (pixels.basis.transpose() * moved);
  }
  const NoiseModel model(data, pixels, {.jitter = true, .outliers = true});
  ChainNumbers numbers = numbers_of(0);
  const ChainNoise noise = model.draw(o.x(1), {}, numbers);
  CHECK((noise.outliers.size() >= 5 && noise.outliers.size() < 30));
  VectorXd weight = VectorXd::Constant(pixels.rest.size(), 1 / noise.scale);
  for (const Index p : noise.outliers) weight[p] /= 10;
  const auto of_pixels = [&](const VectorXd& x) {
    return weight.cwiseProduct(pixels.rest + pixels.basis * data.residual(x)).squaredNorm();
  };
  const auto compressed = [&](const VectorXd& x) { return noise.data->residual(x).squaredNorm(); };
  CHECK(noise.data->jacobian(o.x(1)).rows() == data.size());
  const double constant = of_pixels(o.x(1)) - compressed(o.x(1));
  CHECK(constant >= 0);
  for (unsigned seed = 2; seed < 5; ++seed)
    CHECK(compressed(o.x(seed)) + constant == doctest::Approx(of_pixels(o.x(seed))).epsilon(1e-6));
}

// p(s | y) ~ p(s) N(y; A m, A C A^T + s^2), summed over a grid of ln s; x | s is Gaussian.
TEST_CASE("dkps draws noise scale and history from their joint posterior") {
  const Index D = 4, P = 12, S = 4000;
  Pixels p(D, P, 20);
  p.observe(2 * normals(P, 1, 30));
  const MatrixXd c = p.prior.covariance(0), identity = MatrixXd::Identity(P, P);
  const VectorXd m = p.prior.mean().col(0);
  const VectorXd seen = p.pixels.rest + p.pixels.basis * p.data->residual(VectorXd::Zero(D));
  const int cells = 400;
  double sum = 0, log_s = 0, top = -INFINITY;
  VectorXd x = VectorXd::Zero(D), square = VectorXd::Zero(D);
  std::vector<double> log_weight, at;
  for (int i = 0; i < cells; ++i) {
    const double t = std::log(0.5) + (i + 0.5) / cells * std::log(10.0), s2 = std::exp(2 * t);
    const Eigen::LLT<MatrixXd> all(MatrixXd(p.a * c * p.a.transpose() + s2 * identity));
    const VectorXd off = seen - p.a * m;
    log_weight.push_back(-0.5 * off.dot(all.solve(off)) -
                         std::log(all.matrixLLT().diagonal().prod()));
    at.push_back(t);
    top = std::max(top, log_weight.back());
  }
  for (int i = 0; i < cells; ++i) {
    const double s2 = std::exp(2 * at[std::size_t(i)]),
                 w = std::exp(log_weight[std::size_t(i)] - top);
    const MatrixXd cov = (c.inverse() + p.a.transpose() * p.a / s2).inverse();
    const VectorXd mean = cov * (c.inverse() * m + p.a.transpose() * seen / s2);
    sum += w;
    log_s += w * at[std::size_t(i)];
    x += w * mean;
    square += w * (cov.diagonal() + mean.cwiseAbs2());
  }
  const DkpsDraws draws = p.draws(S, {.jitter = true});
  VectorXd drawn(S);
  for (Index n = 0; n < S; ++n) drawn[n] = std::log(draws.noise[std::size_t(n)].scale);
  const Mean scale = mean_of(drawn);
  CHECK(std::abs(scale.value - log_s / sum) < 5 * scale.error);
  for (Index i = 0; i < D; ++i) {
    const VectorXd row = draws.x.row(i).transpose();
    const Mean first = mean_of(row), second = mean_of(row.cwiseAbs2());
    CHECK(std::abs(first.value - x[i] / sum) < 5 * first.error);
    CHECK(std::abs(second.value - square[i] / sum) < 5 * second.error);
  }
}

// The sum of x stands for the mass. Its z-scores are N(0, 1) where calibrated.
TEST_CASE("noise stated half as large as it is comes out as 2, and the posterior is calibrated") {
  const Index D = 6, P = 400, mocks = 40, S = 40;
  double square = 0, square_as_stated = 0, scale = 0;
  for (Index k = 0; k < mocks; ++k) {
    Pixels p(D, P, std::uint32_t(100 + 10 * k), 0.3);
    p.observe(2 * normals(P, 1, std::uint32_t(105 + 10 * k)));
    const DkpsDraws draws = p.draws(S, {.jitter = true}, 10);
    for (const ChainNoise& noise : draws.noise) scale += noise.scale / double(mocks * S);
    square += std::pow(z_score(draws, p.truth), 2) / double(mocks);
    square_as_stated += std::pow(z_score(p.draws(S, {}, 10), p.truth), 2) / double(mocks);
  }
  // The error of s is 2/sqrt(2 P), over 40 mocks; that of a mean square is sqrt(2/40), and 40 draws
  // widen it by 1/40 twice over.
  CHECK(std::abs(scale - 2) < 5 * 2 / std::sqrt(2.0 * P * mocks) + 2.0 * D / (2.0 * P));
  CHECK(std::abs(square - 1) < 4 * std::sqrt(2.0 / mocks) + 0.05);
  CHECK(square_as_stated > 2);
}

TEST_CASE("pixels moved by 20 sigma spoil the mass, but not where outliers are allowed") {
  const Index D = 6, P = 400, S = 200;
  Pixels p(D, P, 400, 1);
  VectorXd noise = normals(P, 1, 410);
  const VectorXd by_mass = p.a * VectorXd::Ones(D);
  for (Index k = 0; k < 8; ++k) noise[50 * k] += by_mass[50 * k] > 0 ? 20 : -20; // 2 %
  p.observe(noise);
  const DkpsDraws draws = p.draws(S, {.outliers = true});
  CHECK(std::abs(z_score(draws, p.truth)) < 3);
  CHECK(std::abs(z_score(p.draws(S, {}), p.truth)) > 5);
  CHECK(std::abs(z_score(p.draws(S, {.jitter = true, .outliers = true}), p.truth)) < 3);
  double fraction = 0;
  for (const ChainNoise& each : draws.noise) fraction += each.outlier_fraction / double(S);
  // Beta(9, 491) where just these eight are outliers; a few of the others may be.
  CHECK(fraction == doctest::Approx(9 / 500.0).epsilon(0.25));
}

// Chains would stay for good where the middle of the distribution is the core, a fifth as wide.
TEST_CASE("noise that is larger in all pixels is a scale and no outliers") {
  const Index D = 6, P = 400, S = 100;
  Pixels p(D, P, 500);
  p.observe(2.5 * normals(P, 1, 510));
  for (const ChainNoise& noise : p.draws(S, {.jitter = true, .outliers = true}).noise) {
    CHECK(std::abs(noise.scale - 2.5) < 6 * 2.5 / std::sqrt(2.0 * P));
    CHECK(noise.outliers.size() < P / 20);
  }
}

TEST_CASE("a chain that draws its noise does not depend on its company or the number of threads") {
  const Index D = 60; // many numbers and no outlier are a case of their own in matrix products
  Pixels p(D, 200, 600);
  p.observe(normals(200, 1, 610));
  const MixtureDenoiser denoiser(p.prior);
  for (const bool outliers : {false, true}) {
    const NoiseModel noise(*p.data, p.pixels, {.jitter = true, .outliers = outliers});
    const auto draws = [&](std::int64_t first, std::int64_t count) {
      MixtureConditional conditional(p.prior);
      return sample_dkps(denoiser, conditional, *p.data, first, count, {.levels = 5}, {}, &noise);
    };
    const DkpsDraws all = draws(0, 5);
    set_threads(1);
    const DkpsDraws some = draws(3, 2);
    set_threads(0);
    CHECK(all.x.rightCols(2) == some.x);
    CHECK(all.noise[4].scale == some.noise[1].scale);
    CHECK(all.noise[4].outliers == some.noise[1].outliers);
  }
}
