// dkps (dkps.hpp) with every level on the GPU that the prior's network is on: network, mixture,
// peaks, proposals, moves and noise. A level is one graph that the host starts and does not wait
// for. The random numbers are those of the host, so that draws agree but for rounding, and where
// rounding decides a move.
#pragma once

#include "tools/inference/compressed_spectrum.hpp"
#include "tools/inference/dkps.hpp"

#include <string>

namespace lookback::tools {

// Does the device take rates of this kind? It does not take relative ones.
bool device_takes(const nn::Normalization& normalization);

// Draws as sample_dkps makes them with the prior's network and a MixtureConditional. Errors: a
// value that is not finite; rates that the device does not take.
DkpsDraws sample_dkps_on_device(const nn::Prior& prior, const GaussianMixture& mixture,
                                const SpectrumTerms& spectrum, std::int64_t first,
                                std::int64_t count, const DkpsOptions& options,
                                const std::function<void()>& level_done = {});

// conditional_draws on `device`, at level `level` of the noise levels of `options`.
Eigen::MatrixXd conditional_draws_on_device(Backend& device, const GaussianMixture& mixture,
                                            const SpectrumTerms& spectrum,
                                            const Eigen::MatrixXd& x_t, const Eigen::MatrixXd& mean,
                                            std::size_t level, std::int64_t first,
                                            const DkpsOptions& options,
                                            LevelReport* report = nullptr);

} // namespace lookback::tools
