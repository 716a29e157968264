// The posterior of a mixture prior under linear data, in closed form: what every method can be held
// against.
#pragma once

#include "tools/inference/gaussian_mixture.hpp"
#include "tools/inference/whitened_data.hpp"

namespace lookback::tools {

// With C = L L^T, B = A L and G = 1 + B^T B, a component N(m, C) becomes N(m + L e, L G^-1 L^T),
// e = G^-1 B^T (y - A m); its weight is multiplied by
// det(G)^-1/2 exp(-|y - A m - B e|^2/2 - |e|^2/2).
GaussianMixture exact_posterior(const GaussianMixture& prior, const LinearData& data);

// Draws 0 ... count - 1 of a mixture, [D, count], keyed by their numbers.
Eigen::MatrixXd draws_of(const GaussianMixture& mixture, std::int64_t count, std::uint64_t seed);

} // namespace lookback::tools
