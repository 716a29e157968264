// Whether Markov chains have met, of a scalar followed along them: values[chains][moves].
#pragma once

#include <vector>

namespace lookback::tools {

// The potential scale reduction with chains split in halves (Gelman et al. 2013, BDA3, 11.4).
// Errors: fewer than 2 chains or 4 moves; so below.
double split_r_hat(const std::vector<std::vector<double>>& values);
// The effective number of independent draws in all chains (Geyer's initial monotone sequence on the
// mean autocorrelation; Vehtari et al. 2021).
double effective_draws(const std::vector<std::vector<double>>& values);

} // namespace lookback::tools
