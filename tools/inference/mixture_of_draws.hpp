// The mixture that stands in for a prior's covariances, fitted to what the network draws. Histories
// to train on hold exact values (a rate of zero, the metallicity of an empty bin), which a mixture
// takes for directions that hardly vary, and the network for a little noise; fitted to them, the
// mixture gives x | x_t too little room.
#pragma once

#include "nn/prior.hpp"

namespace lookback::tools {

// Errors: fewer than twice as many draws as components; a draw that is not finite.
nn::Mixture mixture_of_draws(const nn::Prior& prior, std::int64_t components, std::int64_t draws,
                             std::uint64_t seed);

} // namespace lookback::tools
