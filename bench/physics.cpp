// A batch of histories to spectra of 3841 pixels: value, products with the Jacobian and its whole,
// by batch, on all threads. GFLOP/s counts what the mathematics needs, two nodes a formed bin and
// pixel; product_ceiling and write_ceiling are what the same threads reach in a matrix product and
// in memory. Before the timings, a table of what the age rules do to the youngest bin, if an SSP
// grid is named in LOOKBACK_SSP (a lookback-ssp file).
#include "engine/hdf5.hpp"
#include "engine/parallel.hpp"
#include "physics/cosmology.hpp"
#include "physics/galaxy_model.hpp"
#include "physics/joint_model.hpp"

#include <benchmark/benchmark.h>
#include <cmath>
#include <cstdio>
#include <cstdlib>

using namespace lookback;
using namespace lookback::physics;
using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;

namespace {

constexpr Index bins = 64, pixels = 3841, block = 16;

// The shape of the E-MILES grid: 8 metallicities, 16 ages, 8079 wavelengths.
SspGrid made_up_grid() {
  SspGrid grid;
  grid.wavelength_angstrom = VectorXd::LinSpaced(8079, 1680, 8950);
  grid.age_gyr = VectorXd::LinSpaced(16, std::log(0.03), std::log(13.5)).array().exp();
  grid.log_z_zsun = VectorXd::LinSpaced(8, -1.26, 0.26);
  for (const double z : grid.log_z_zsun)
    for (const double age : grid.age_gyr)
      for (const double l : grid.wavelength_angstrom)
        grid.flux.push_back(float(1e-4 / age * (1 + 0.3 * std::sin(l / 20 + z))));
  return grid;
}

std::vector<double> sdss_wavelengths() {
  std::vector<double> axis;
  for (Index k = 0; k < pixels; ++k) axis.push_back(std::pow(10, 3.5797 + 1e-4 * double(k)));
  return axis;
}

const GalaxyModel& model() {
  static const GalaxyModel model(made_up_grid(), equal_time_bins(bins), 0.0873, 0.281,
                                 sdss_wavelengths(), 1e-17);
  return model;
}

MatrixXd histories(Index n) {
  MatrixXd x = MatrixXd::Random(2 * bins, n); // -1 .. 1
  x.topRows(bins).array() += 1;
  return x;
}

// f(first, count) for blocks of columns, on all threads.
template <class F> void for_blocks(Index n, F f) {
  parallel_for((n + block - 1) / block,
               [&](std::int64_t b) { f(Index(b) * block, std::min(block, n - Index(b) * block)); });
}

void report(benchmark::State& state, double flop, double bytes) {
  const auto rate = [&](double amount) {
    return benchmark::Counter(amount * 1e-9 * double(state.iterations()),
                              benchmark::Counter::kIsRate);
  };
  if (flop > 0) state.counters["GFLOP/s"] = rate(flop);
  if (bytes > 0) state.counters["GB/s"] = rate(bytes);
  state.counters["threads"] = threads();
}

double product_flop(Index n) {
  return 4.0 * double(model().observed_bins().formed) * pixels * double(n);
}

void value(benchmark::State& state) {
  const Index n = state.range(0);
  const MatrixXd x = histories(n);
  MatrixXd y(pixels, n);
  for (auto _ : state)
    for_blocks(n, [&](Index first, Index count) {
      y.middleCols(first, count) = model().value(x.middleCols(first, count));
    });
  report(state, product_flop(n), 0);
}

void jvp(benchmark::State& state) {
  const Index n = state.range(0);
  const MatrixXd x = histories(n), d = histories(n);
  MatrixXd y(pixels, n);
  for (auto _ : state)
    for_blocks(n, [&](Index first, Index count) {
      y.middleCols(first, count) =
          model().jvp(x.middleCols(first, count), d.middleCols(first, count));
    });
  report(state, product_flop(n), 0);
}

void vjp(benchmark::State& state) {
  const Index n = state.range(0);
  const MatrixXd x = histories(n), u = MatrixXd::Random(pixels, n);
  MatrixXd gradient(2 * bins, n);
  for (auto _ : state)
    for_blocks(n, [&](Index first, Index count) {
      gradient.middleCols(first, count) =
          model().vjp(x.middleCols(first, count), u.middleCols(first, count));
    });
  report(state, product_flop(n), 0);
}

// GB/s counts the Jacobians written.
void jacobian(benchmark::State& state) {
  const Index n = state.range(0);
  const MatrixXd x = histories(n);
  std::vector<MatrixXd> j(std::size_t(n), MatrixXd::Zero(pixels, 2 * bins));
  for (auto _ : state)
    parallel_for(n, [&](std::int64_t i) { model().jacobian_into(x.col(i), j[std::size_t(i)]); });
  report(state, 0, 8.0 * double(n) * pixels * 2 * bins);
}

void joint_model(benchmark::State& state) {
  static const JointModel joint(made_up_grid(), equal_time_bins(bins),
                                spectrograph(sdss_wavelengths(), 1e-17));
  const Index n = state.range(0);
  MatrixXd x(2 * bins + 3, n), d = MatrixXd::Random(2 * bins + 3, n), y(pixels, n);
  x.topRows(2 * bins) = histories(n);
  x.bottomRows(3).colwise() = Eigen::Vector3d(0.281, 0.0873, 150);
  for (auto _ : state)
    for_blocks(n, [&](Index first, Index count) {
      y.middleCols(first, count) =
          joint.jvp(x.middleCols(first, count), d.middleCols(first, count));
    });
  report(state, 0, 0);
}

void product_ceiling(benchmark::State& state) {
  constexpr Index size = 768;
  const MatrixXd a = MatrixXd::Random(size, size), b = MatrixXd::Random(size, size);
  std::vector<MatrixXd> c(static_cast<std::size_t>(threads()), MatrixXd(size, size));
  for (auto _ : state)
    parallel_for(threads(), [&](std::int64_t t) { c[std::size_t(t)].noalias() = a * b; });
  report(state, 2.0 * size * size * size * threads(), 0);
}

void write_ceiling(benchmark::State& state) {
  constexpr Index size = 1 << 24; // 128 MiB a thread, beyond any cache
  std::vector<VectorXd> to(static_cast<std::size_t>(threads()), VectorXd(size));
  double v = 0;
  for (auto _ : state) {
    v += 1;
    parallel_for(threads(), [&](std::int64_t t) { to[std::size_t(t)].setConstant(v); });
  }
  report(state, 0, 8.0 * size * threads());
}

// Relative error of the mean SSP in the youngest of 64 bins, at solar metallicity.
void print_age_rules(const char* path) {
  const H5Reader file(path);
  const auto vector = [](const std::vector<double>& v) {
    return VectorXd(Eigen::Map<const VectorXd>(v.data(), Index(v.size())));
  };
  const VectorXd axis = vector(file.read<double>("wavelength_angstrom"));
  const VectorXd age = vector(file.read<double>("age_gyr"));
  const VectorXd log_z = vector(file.read<double>("log_z_zsun"));
  const auto flux = file.read<float>("flux_lsun_per_angstrom_per_msun");
  Index solar = 0;
  log_z.cwiseAbs().minCoeff(&solar);
  const MatrixXd spectra =
      Eigen::Map<const Eigen::MatrixXf>(flux.data() + solar * axis.size() * age.size(), axis.size(),
                                        age.size())
          .cast<double>();
  const double width = age_gyr(0) / bins;
  const ObservedBins youngest = observe({{1, 1 + width}}, 1 + width);
  const VectorXd exact = spectra * age_weights(youngest, age).transpose();
  std::printf("Flux of stars younger than %.1f Myr against the exact mean over ages\n",
              1e3 * width);
  std::printf("%-14s%14s%14s%14s\n", "Angstrom", "512 even ages", "central age", "linear in age");
  for (const double l : {1500., 2500., 3600., 4000., 5500., 7000., 8900.}) {
    const Index k = std::lower_bound(axis.begin(), axis.end(), l) - axis.begin();
    if (k == axis.size()) continue;
    std::printf("%-14.0f", l);
    for (const auto rule : {AgeRule::even_512, AgeRule::bin_centre, AgeRule::linear_in_age}) {
      const VectorXd other = spectra * age_weights(youngest, age, rule).transpose();
      std::printf("%+13.1f%%", 100 * (other[k] / exact[k] - 1));
    }
    std::printf("\n");
  }
}

} // namespace

BENCHMARK(value)->Arg(1)->Arg(16)->Arg(128)->Arg(1024)->UseRealTime()->Unit(
    benchmark::kMillisecond);
BENCHMARK(jvp)->Arg(128)->UseRealTime()->Unit(benchmark::kMillisecond);
BENCHMARK(vjp)->Arg(1)->Arg(16)->Arg(128)->UseRealTime()->Unit(benchmark::kMillisecond);
BENCHMARK(jacobian)->Arg(1)->Arg(16)->Arg(128)->UseRealTime()->Unit(benchmark::kMillisecond);
BENCHMARK(joint_model)->Arg(16)->UseRealTime()->Unit(benchmark::kMillisecond);
BENCHMARK(product_ceiling)->UseRealTime()->Unit(benchmark::kMillisecond);
BENCHMARK(write_ceiling)->UseRealTime()->Unit(benchmark::kMillisecond);

int main(int argc, char** argv) {
  if (const char* path = std::getenv("LOOKBACK_SSP")) print_age_rules(path);
  benchmark::Initialize(&argc, argv);
  benchmark::RunSpecifiedBenchmarks();
}
