// Mean and covariance that a guided sampler reaches in infinitely many steps, where prior and data
// are Gaussian: every score is linear in x_t, score = a - B x_t, so that the moments follow the
// reverse SDE exactly. B is held over 2,000 small steps and integrated by its eigenvectors, which
// is stable however stiff it is.
#pragma once

#include "tools/inference/gaussian_mixture.hpp"
#include "tools/inference/whitened_data.hpp"

#include <string>
#include <vector>

namespace lookback::bench {

struct Moments {
  std::string method;
  Eigen::VectorXd mean;
  Eigen::MatrixXd covariance;
};

// exact, tmpd, pigdm, cla, dps and cla-diagonal for a mixture of one component. `data` has all
// pixels, since the diagonal of A A^T depends on the basis.
std::vector<Moments> limiting_moments(const tools::GaussianMixture& prior,
                                      const tools::LinearData& data);

} // namespace lookback::bench
