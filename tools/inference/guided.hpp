// Guided sampling: the reverse diffusion under the prior's score plus a likelihood score
//   g(x_t) = W A^T (1 + A V A^T)^-1 (y - S(c)),     A = dS/dx at c,
// which takes x | x_t for the Gaussian N(c, V), W = dc/dx_t. With m = E[x | x_t] and J = dm/dx_t,
//
//            c     V                     W
//   cla      x_t   sigma^2               1    convolved likelihood, A A^T whole
//   dps      m     0                     J    Chung et al. 2023, arXiv:2209.14687
//   pigdm    m     sigma^2/(1+sigma^2)   J    Song et al. 2023, ICLR
//   tmpd     m     sigma^2 J             J    Boys et al. 2023, arXiv:2310.06721
//
// All but tmpd are biased even for a Gaussian prior; none clips. In place of the last step a draw
// is made from N(m, sigma_min^2/(1 + sigma_min^2)) and the data, for the mean would lose posterior
// widths below sigma_min.
#pragma once

#include "tools/inference/denoiser.hpp"
#include "tools/inference/whitened_data.hpp"

#include <functional>
#include <string>

namespace lookback::tools {

enum class Guidance { cla, dps, pigdm, tmpd };

// From one noise level to the next, u = E[x | x_t, y] = m + sigma^2 g:
//   euler                Euler-Maruyama on the reverse SDE
//   ancestral            the exact step for u held constant: the exponential integrator
//   heun                 Heun's method on the probability-flow ODE (Karras et al. 2022)
//   predictor_corrector  ancestral, and a Langevin step at the new level (Song et al. 2021)
enum class Integrator { euler, ancestral, heun, predictor_corrector };

// By the names above, and predictor-corrector. Errors: another name.
Guidance guidance_named(const std::string& name);
Integrator integrator_named(const std::string& name);

struct GuidedOptions {
  Guidance guidance = Guidance::tmpd;
  Integrator integrator = Integrator::ancestral;
  double sigma_max = 16, sigma_min = 0.001;
  int levels = 100; // in Karras's spacing
  std::uint64_t seed = 0;
};

// g at x_t [D, n], `mean` the denoiser's there.
Eigen::MatrixXd likelihood_score(Guidance guidance, const Denoiser& denoiser,
                                 const WhitenedData& data, const Eigen::MatrixXd& x_t, double sigma,
                                 const Eigen::MatrixXd& mean);

// Evaluations of the denoiser, and of its derivative (as many vectors of it for dps and pigdm; D
// times as many for tmpd), a chain.
std::int64_t evaluations(const GuidedOptions& options);

// Draws of chains first ... first + count - 1, [D, count]; a chain does not depend on its company.
// Errors: a value that is not finite, as guidance that is too stiff for the levels makes it.
Eigen::MatrixXd sample_guided(const Denoiser& denoiser, const WhitenedData& data,
                              std::int64_t first, std::int64_t count, const GuidedOptions& options,
                              const std::function<void()>& level_done = {});

} // namespace lookback::tools
