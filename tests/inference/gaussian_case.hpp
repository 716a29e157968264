// A Gaussian or mixture prior and linear data, small enough for closed forms.
#pragma once

#include "engine/random.hpp"
#include "tools/inference/gaussian_mixture.hpp"
#include "tools/inference/whitened_data.hpp"

#include <cmath>

namespace lookback::test {

inline Eigen::MatrixXd normals(Eigen::Index rows, Eigen::Index cols, std::uint32_t object) {
  const Stream stream{.seed = 11, .purpose = Purpose::synthetic_history, .object = object};
  Eigen::MatrixXd z(rows, cols);
  for (Eigen::Index i = 0; i < z.size(); ++i) z.data()[i] = stream.normal(std::uint64_t(i));
  return z;
}

// Variances from 2 down to 0.02.
inline Eigen::MatrixXd covariance(Eigen::Index D, std::uint32_t object) {
  const Eigen::MatrixXd a = normals(D, D, object);
  return a * a.transpose() / double(D) + 0.02 * Eigen::MatrixXd::Identity(D, D);
}

// y of a draw from the prior, S/N from 0.1 to 300 by direction.
inline tools::LinearData linear_data(const tools::GaussianMixture& prior, Eigen::Index size,
                                     std::uint32_t object) {
  const Eigen::Index D = prior.dimension();
  Eigen::MatrixXd a = normals(size, D, object);
  for (Eigen::Index i = 0; i < size; ++i)
    a.row(i) *= std::pow(10.0, 1.5 - 2.5 * double(i) / double(size));
  const Eigen::VectorXd truth = prior.draw(normals(D, 1, object + 1), 0.3);
  return {a, a * truth + Eigen::VectorXd(normals(size, 1, object + 2))};
}

} // namespace lookback::test
