#include "physics/gaussian_likelihood.hpp"

#include "engine/error.hpp"
#include "physics/calibration.hpp"
#include "tests/golden.hpp"
#include "tests/physics/galaxies.hpp"

#include <Eigen/Cholesky>
#include <doctest/doctest.h>
#include <numbers>

using namespace lookback;
using namespace lookback::physics;
using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;

namespace {

struct Small { // 40 pixels, 6 directions, 3 modes
  VectorXd variance = test::uniform(40, 1, 0.5, 2, 1);
  MatrixXd a = test::uniform(40, 6, -1, 1, 2), u = test::uniform(40, 3, -1, 1, 3);
  MatrixXd r = test::uniform(40, 4, -3, 3, 4);
  GaussianLikelihood likelihood{variance, a, u};

  MatrixXd covariance(double s) const {
    return MatrixXd(variance.asDiagonal()) + u * u.transpose() + s * s * a * a.transpose();
  }
};

} // namespace

TEST_CASE("the likelihood's algebra agrees with the golden one at every noise level") {
  const auto path = test::golden("physics/linalg.h5");
  if (path.empty()) return;
  const H5Reader file(path);
  const auto values = file.read<double>("A");
  const MatrixXd a = Eigen::Map<const MatrixXd>(values.data(), 128, 3841).transpose();
  for (const std::string level : {"0.1", "1.0", "10.0"}) {
    const std::string group = "woodbury_sigma" + level;
    const auto golden = [&](const char* name) {
      return test::vector(file.read<double>(group + "/" + name));
    };
    const VectorXd r = golden("residual");
    const double s = std::stod(level);
    const GaussianLikelihood likelihood(golden("noise_var"), a);
    const double pulled = test::relative_error(likelihood.pulled_back(r, s), golden("AT_Cinv_r"));
    const double solved = test::relative_error(likelihood.solve(r, s), golden("Cinv_r"));
    MESSAGE("s = " << level << ": A^T C^-1 r " << pulled << ", C^-1 r " << solved);
    CHECK(pulled < 1e-7);
    CHECK(solved < 1e-7);
    const double determinant = file.number(group, "logdet");
    const double chi2 = file.number(group, "mahalanobis");
    CHECK(std::abs(likelihood.log_determinant(s) / determinant - 1) < 1e-7);
    const double expected = -(chi2 + determinant + 3841 * std::log(2 * std::numbers::pi)) / 2;
    CHECK(std::abs(likelihood.log_likelihood(r, s)[0] / expected - 1) < 1e-7);
  }
}

TEST_CASE("the likelihood is that of the dense covariance, with and without its parts") {
  const Small x;
  for (const double s : {0.0, 0.3, 4.0}) {
    const Eigen::LLT<MatrixXd> c(x.covariance(s));
    const MatrixXd solved = c.solve(x.r), lower = c.matrixL();
    double log_determinant = 0;
    for (Index i = 0; i < lower.rows(); ++i) log_determinant += 2 * std::log(lower(i, i));
    CHECK(test::relative_error(x.likelihood.solve(x.r, s), solved) < 1e-12);
    CHECK(test::relative_error(x.likelihood.pulled_back(x.r, s), x.a.transpose() * solved) < 1e-12);
    CHECK(x.likelihood.log_determinant(s) == doctest::Approx(log_determinant).epsilon(1e-12));
  }
  const MatrixXd modes_only = MatrixXd(x.variance.asDiagonal()) + x.u * x.u.transpose();
  CHECK(test::relative_error(GaussianLikelihood(x.variance, {}, x.u).solve(x.r, 3),
                             modes_only.llt().solve(x.r)) < 1e-12);
  const VectorXd chi2 = x.r.cwiseAbs2().transpose() * x.variance.cwiseInverse();
  double constant = 0;
  for (const double v : x.variance) constant += std::log(2 * std::numbers::pi * v);
  CHECK(test::relative_error(GaussianLikelihood(x.variance).log_likelihood(x.r, 3),
                             -(chi2.array() + constant) / 2) < 1e-14);
}

TEST_CASE("the likelihood's derivatives are its slopes in residual, level and modes") {
  const Small x;
  const double s = 0.7, step = 1e-5;
  const MatrixXd d = test::uniform(40, 4, -1, 1, 8);
  const VectorXd along = (x.likelihood.log_likelihood(x.r + step * d, s) -
                          x.likelihood.log_likelihood(x.r - step * d, s)) /
                         (2 * step);
  const VectorXd slope = -x.likelihood.solve(x.r, s).cwiseProduct(d).colwise().sum();
  CHECK(test::relative_error(slope, along) < 1e-8);

  const VectorXd by_level =
      (x.likelihood.log_likelihood(x.r, s + step) - x.likelihood.log_likelihood(x.r, s - step)) /
      (2 * step);
  CHECK(test::relative_error(x.likelihood.by_level(x.r, s), by_level) < 1e-8);

  const MatrixXd e = test::uniform(40, 3, -1, 1, 9);
  const VectorXd one = x.r.col(0);
  const double above =
      GaussianLikelihood(x.variance, x.a, x.u + step * e).log_likelihood(one, s)[0];
  const double below =
      GaussianLikelihood(x.variance, x.a, x.u - step * e).log_likelihood(one, s)[0];
  const double by_modes = x.likelihood.by_modes(one, s).cwiseProduct(e).sum();
  CHECK(std::abs(by_modes - (above - below) / (2 * step)) < 1e-8 * std::abs(by_modes));
}

TEST_CASE("a calibration polynomial inside its prior costs almost nothing, noise costs chi2") {
  const Index n = 500;
  const VectorXd wavelength = VectorXd::LinSpaced(n, 3600, 9200), model = VectorXd::Ones(n);
  const MatrixXd modes = calibration_modes({wavelength.data(), 500}, 1, 4, 0.1);
  const GaussianLikelihood likelihood(VectorXd::Constant(n, 1e-4), {}, model.asDiagonal() * modes);
  // With no noise, the best coefficients explain r: chi2 is about sum (c / sigma)^2.
  const VectorXd r = modes * VectorXd{{1, -0.5, 0.3, 0.2}};
  CHECK(r.dot(VectorXd(likelihood.solve(r, 0))) ==
        doctest::Approx(1 + 0.25 + 0.09 + 0.04).epsilon(1e-2));
}

TEST_CASE("calibration modes are Legendre polynomials of the scaled wavelength") {
  const std::vector<double> wavelength = {4000, 4500, 5000, 5500, 6000};
  const MatrixXd modes = calibration_modes(wavelength, 1, 3, 0.5);
  CHECK(modes.col(0).isApprox(VectorXd{{-0.5, -0.25, 0, 0.25, 0.5}}, 1e-15));
  CHECK(modes.col(1).isApprox(0.5 * VectorXd{{1, -0.125, -0.5, -0.125, 1}}, 1e-15));
  CHECK(modes.col(2).isApprox(0.5 * VectorXd{{-1, 0.4375, 0, -0.4375, 1}}, 1e-15));
  CHECK_THROWS_AS(calibration_modes(wavelength, 2, 1, 0.5), Error);
  CHECK_THROWS_AS(calibration_modes(wavelength, 0, 1, 0), Error);
}

TEST_CASE("the likelihood refuses variances that are not positive and matrices of other sizes") {
  CHECK_THROWS_AS(GaussianLikelihood(VectorXd{{1, 0}}), Error);
  CHECK_THROWS_AS(GaussianLikelihood(VectorXd{{1, NAN}}), Error);
  CHECK_THROWS_AS(GaussianLikelihood(VectorXd{{1, 1}}, MatrixXd::Ones(3, 1)), Error);
  CHECK_THROWS_AS(GaussianLikelihood(VectorXd{{1, 1}}).solve(VectorXd::Ones(3), 0), Error);
}
