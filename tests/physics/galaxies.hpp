// What the tests of physics share: a small made-up SSP grid, the golden one, and the checks that
// every stage must pass.
#pragma once

#include "engine/hdf5.hpp"
#include "physics/forward_model.hpp"
#include "physics/ssp_grid.hpp"

#include <cmath>
#include <limits>
#include <random>

namespace lookback::test {

inline Eigen::VectorXd vector(const std::vector<double>& values) {
  return Eigen::Map<const Eigen::VectorXd>(values.data(), Eigen::Index(values.size()));
}

// The history of a case of csp.h5: SFR above log Z.
inline Eigen::VectorXd golden_history(const H5Reader& file, const std::string& group) {
  const Eigen::VectorXd sfr = vector(file.read<double>(group + "/sfr")),
                        log_z = vector(file.read<double>(group + "/logZ"));
  Eigen::VectorXd history(sfr.size() + log_z.size());
  history << sfr, log_z;
  return history;
}

// Uniform in [low, high], the same numbers in every run.
inline Eigen::MatrixXd uniform(Eigen::Index rows, Eigen::Index cols, double low, double high,
                               unsigned seed) {
  std::mt19937_64 generator(seed);
  Eigen::MatrixXd values(rows, cols);
  for (double& v : values.reshaped())
    v = low + (high - low) * std::ldexp(double(generator() >> 11), -53);
  return values;
}

// Three metallicities, six ages, 200 wavelengths from 3000 to 7975 Angstrom; smooth, positive.
inline physics::SspGrid small_grid() {
  physics::SspGrid grid;
  grid.wavelength_angstrom = Eigen::VectorXd::LinSpaced(200, 3000, 7975);
  grid.age_gyr = Eigen::VectorXd{{0.001, 0.02, 0.3, 1, 5, 12}};
  grid.log_z_zsun = Eigen::VectorXd{{-1.5, -0.4, 0.3}};
  for (const double z : grid.log_z_zsun)
    for (const double age : grid.age_gyr)
      for (const double l : grid.wavelength_angstrom)
        grid.flux.push_back(float(1e-4 / std::pow(age, 0.7) * (1 + 0.3 * std::sin(l / 90 + z))));
  return grid;
}

// The E-MILES grid of csp.h5.
inline physics::SspGrid csp_grid(const H5Reader& file) {
  physics::SspGrid grid;
  grid.wavelength_angstrom = vector(file.read<double>("ssp/wave_vac"));
  grid.age_gyr = vector(file.read<double>("ssp/age"));
  grid.log_z_zsun = vector(file.read<double>("ssp/logZ"));
  grid.flux = file.read<float>("ssp/flux");
  return grid;
}

// Largest |a - b| / |b|; infinite where b is 0 and a is not.
inline double largest_ratio_error(const Eigen::VectorXd& a, const Eigen::VectorXd& b) {
  if (a.size() != b.size() || !a.allFinite()) return std::numeric_limits<double>::infinity();
  double largest = 0;
  for (Eigen::Index i = 0; i < a.size(); ++i)
    if (a[i] != b[i]) largest = std::max(largest, std::abs(a[i] - b[i]) / std::abs(b[i]));
  return largest;
}

// max |a - b| / max |b|; infinite where the shapes differ or a value is not finite.
inline double relative_error(const Eigen::MatrixXd& a, const Eigen::MatrixXd& b) {
  if (a.rows() != b.rows() || a.cols() != b.cols() || !a.allFinite())
    return std::numeric_limits<double>::infinity();
  return (a - b).cwiseAbs().maxCoeff() / b.cwiseAbs().maxCoeff();
}

// <u, J d> against <J^T u, d> for each column, relative to the product of the lengths of u and J d.
inline double adjoint_error(const physics::ForwardModel& model, const Eigen::MatrixXd& x,
                            unsigned seed = 1) {
  const Eigen::MatrixXd d = uniform(model.inputs(), x.cols(), -1, 1, seed);
  const Eigen::MatrixXd u = uniform(model.outputs(), x.cols(), -1, 1, seed + 1);
  const Eigen::MatrixXd jd = model.jvp(x, d), jtu = model.vjp(x, u);
  double largest = 0;
  for (Eigen::Index n = 0; n < x.cols(); ++n) {
    const double difference = std::abs(u.col(n).dot(jd.col(n)) - jtu.col(n).dot(d.col(n)));
    largest = std::max(largest, difference / (u.col(n).norm() * jd.col(n).norm()));
  }
  return largest;
}

// J d against the central difference of value along d, relative to the largest |J d|. The step is
// eps^(1/3) of the argument's scale 1: truncation and rounding are then both about 1e-10.
inline double slope_error(const physics::ForwardModel& model, const Eigen::MatrixXd& x,
                          unsigned seed = 3) {
  const double step = 1e-5;
  const Eigen::MatrixXd d = uniform(model.inputs(), x.cols(), -1, 1, seed);
  const Eigen::MatrixXd difference =
      (model.value(x + step * d) - model.value(x - step * d)) / (2 * step);
  const Eigen::MatrixXd jd = model.jvp(x, d);
  return (difference - jd).cwiseAbs().maxCoeff() / jd.cwiseAbs().maxCoeff();
}

} // namespace lookback::test
