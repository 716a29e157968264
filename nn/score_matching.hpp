// Denoising score matching (Vincent 2011) with the weighting of Song et al. 2021: the network r
// predicts -z, so that the score is r(t, x_t)/sigma(t).
#pragma once

#include "nn/ncsnpp.hpp"
#include "nn/sde.hpp"

namespace lookback::nn {

// sigma(t) of every sample: t[B] -> [B].
Tensor sigma_of(const VeSde& sde, const Tensor& t);

// r(t, x)/sigma(t): t[B], x[B, L, C] -> [B, L, C].
Tensor score(const Ncsnpp& network, const VeSde& sde, const Tensor& t, const Tensor& x);

// Per sample: sum over length and channels of (z + r(t, x_0 + sigma(t) z))^2 -> [B]. The training
// loss is its mean over the batch (score_models' dsm.py).
Tensor denoising_losses(const Ncsnpp& network, const VeSde& sde, const Tensor& x_0, const Tensor& t,
                        const Tensor& z);

} // namespace lookback::nn
