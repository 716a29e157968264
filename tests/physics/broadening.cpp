#include "physics/broadening.hpp"

#include "engine/error.hpp"
#include "physics/resampling.hpp"
#include "physics/units.hpp"
#include "tests/golden.hpp"
#include "tests/physics/galaxies.hpp"

#include <doctest/doctest.h>

using namespace lookback;
using namespace lookback::physics;
using Eigen::Index;
using Eigen::VectorXd;

namespace {

constexpr double light_km_per_s = units::speed_of_light_cm_per_s / 1e5;

VectorXd gaussian(const VectorXd& x, double centre, double sigma) {
  return (-((x.array() - centre) / sigma).square() / 2).exp() / sigma;
}

} // namespace

TEST_CASE("broadening by one dispersion agrees with the analytic Fourier Gaussian") {
  const auto path = test::golden("physics/resample.h5");
  if (path.empty()) return;
  const H5Reader file(path);
  const VectorXd flux = test::vector(file.read<double>("broaden/log_flux"));
  const double velocity_step = light_km_per_s * std::log(10) * 1e-4;
  // At 30 and 70 km/s (0.43 and 1.01 pixels) the transform is cut at the axis' highest frequency
  // with 0.39 and 6e-3 of its height left; the kernel then has tails ~ 1/n that carry the unknown
  // continuation of the golden spectrum inwards.
  for (const auto& [name, tolerance] :
       {std::pair{"30", 1e-6}, {"70", 1e-7}, {"150", 1e-12}, {"300", 1e-12}}) {
    const double sigma = std::stod(name);
    const VectorXd wanted = test::vector(file.read<double>(std::string("broaden/fourier_") + name));
    const VectorXd got = FourierBroadening(flux.size(), sigma / velocity_step).apply(flux);
    const double error = test::largest_ratio_error(got, wanted);
    MESSAGE(sigma << " km/s: largest relative error " << error);
    CHECK(error < tolerance);
  }
}

TEST_CASE("a line-spread function that varies along the spectrum agrees with the golden one") {
  const auto path = test::golden("physics/resample.h5");
  if (path.empty()) return;
  const H5Reader file(path);
  const VectorXd wavelength = test::vector(file.read<double>("wave_in"));
  const auto instrument = file.read<double>("lsf/sigma_inst_km_s");
  const auto model = file.read<double>("lsf/sigma_model_km_s");
  const double stars = file.number("lsf", "sigma_star_km_s");
  VectorXd sigma_angstrom(wavelength.size());
  for (Index k = 0; k < wavelength.size(); ++k)
    sigma_angstrom[k] =
        wavelength[k] / light_km_per_s *
        kernel_sigma_km_per_s(instrument[std::size_t(k)], model[std::size_t(k)], stars);
  const VectorXd wanted_sigma = test::vector(file.read<double>("lsf/sigma_kernel_A"));
  CHECK(test::largest_ratio_error(sigma_angstrom, wanted_sigma) < 1e-12);

  const VectorXd flux = test::vector(file.read<double>("flux_in"));
  const VectorXd broadened = gaussian_kernel(wavelength, sigma_angstrom).weights * flux;
  CHECK(test::largest_ratio_error(broadened, test::vector(file.read<double>("lsf/flux"))) < 1e-12);
  const Resampler resampler(ResamplingRule::linear, wavelength, file.read<double>("sdss_wave"));
  CHECK(test::largest_ratio_error(resampler.apply(broadened),
                                  test::vector(file.read<double>("lsf/flux_sdss"))) < 1e-12);
}

TEST_CASE("broadening adds dispersions in quadrature and keeps the light") {
  const VectorXd x = VectorXd::LinSpaced(400, 0, 399), line = gaussian(x, 200, 3);
  const VectorXd fourier = FourierBroadening(400, 4).apply(line);
  CHECK(test::relative_error(fourier, gaussian(x, 200, 5)) < 1e-8); // 3 pixels sample a Gaussian so
  CHECK(std::abs(fourier.sum() / line.sum() - 1) < 1e-13);
  // Integrating over pixels adds the variance of a pixel, 1/12.
  const VectorXd pixels =
      gaussian_kernel(x.array() + 1000, VectorXd::Constant(400, 4)).weights * line;
  CHECK(test::relative_error(pixels, gaussian(x, 200, std::sqrt(25 + 1.0 / 12))) < 1e-4);
}

TEST_CASE("broadening by nothing, and of a constant, changes nothing") {
  const VectorXd l = VectorXd::LinSpaced(100, 4000, 4200), x = test::uniform(100, 1, 0, 1, 3);
  CHECK(VectorXd(gaussian_kernel(l, VectorXd::Zero(100)).weights * x) == x);
  CHECK(test::relative_error(FourierBroadening(100, 0).apply(x), x) < 1e-14);
  const VectorXd one = VectorXd::Ones(100);
  CHECK(test::relative_error(gaussian_kernel(l, 7 * one).weights * one, one) < 1e-14);
  CHECK(test::relative_error(FourierBroadening(100, 9).apply(one), one) < 1e-14);
}

TEST_CASE("a pixel sharper than the models keeps their resolution") {
  CHECK(kernel_sigma_km_per_s(60, 80, 0) == 0);
  CHECK(kernel_sigma_km_per_s(80, 80, 0) == 0);
  CHECK(kernel_sigma_km_per_s(50, 40, 40) == 50);
}

TEST_CASE("a resolution of 2.5 Angstrom at 5000 Angstrom is a dispersion of 64 km/s") {
  const double sigma_angstrom = 2.5 / 2.35482004503; // sqrt(8 ln 2)
  CHECK(sigma_km_per_s_of_fwhm(2.5, 5000) ==
        doctest::Approx(299792.458 * sigma_angstrom / 5000).epsilon(1e-11));
}

TEST_CASE("broadening's products are adjoint and its slope is the derivative in sigma") {
  const VectorXd l = VectorXd::LinSpaced(200, 4000, 4400), x = test::uniform(200, 1, 0, 1, 3);
  const double step = 1e-5;
  for (const double sigma : {0.4, 3.0}) {
    CHECK(test::adjoint_error(FourierBroadening(200, sigma), test::uniform(200, 3, 0, 1, 4)) <
          1e-12);
    const VectorXd difference = (FourierBroadening(200, sigma + step).apply(x) -
                                 FourierBroadening(200, sigma - step).apply(x)) /
                                (2 * step);
    CHECK(test::relative_error(FourierBroadening(200, sigma).by_sigma(x), difference) < 1e-8);

    const VectorXd sigmas = 2 * sigma * (1 + test::uniform(200, 1, 0, 1, 5).array());
    const VectorXd steps = VectorXd::Constant(200, step);
    const GaussianKernel kernel = gaussian_kernel(l, sigmas);
    const VectorXd kernel_difference = (gaussian_kernel(l, sigmas + steps).weights * x -
                                        gaussian_kernel(l, sigmas - steps).weights * x) /
                                       (2 * step);
    CHECK(test::relative_error(kernel.by_sigma * x, kernel_difference) < 1e-8);
    CHECK(test::adjoint_error(SparseStage(kernel.weights), test::uniform(200, 3, 0, 1, 4)) < 1e-12);
  }
}

TEST_CASE("broadening refuses dispersions that are negative or not numbers") {
  const VectorXd l = VectorXd::LinSpaced(10, 4000, 4200);
  CHECK_THROWS_AS(gaussian_kernel(l, VectorXd::Constant(10, -1)), Error);
  CHECK_THROWS_AS(gaussian_kernel(l, VectorXd::Constant(10, NAN)), Error);
  CHECK_THROWS_AS(gaussian_kernel(l, VectorXd::Ones(9)), Error);
  CHECK_THROWS_AS(FourierBroadening(10, -1), Error);
}
