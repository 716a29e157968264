// Denoising score matching (Vincent 2011): r(t, x) = sigma(t) score predicts -z. It is the network
// itself, as in Song et al. 2021 and score_models; or, preconditioned (Karras et al. 2022, eq. 7
// with unit variance of the data),
//   r = F(t, x/s)/s - sigma x/s^2,  s^2 = 1 + sigma^2,
// so that the network F sees inputs and has targets of variance 1 at every noise level.
#pragma once

#include "nn/ncsnpp.hpp"
#include "nn/sde.hpp"

#include <array>
#include <span>
#include <string>

namespace lookback::nn {

// What depends on the noise levels of a batch alone: a few numbers a sample, made on the host, so
// that what follows can be repeated by the device without it (Backend::repeatable).
struct NoiseLevels {
  static constexpr std::int64_t count = 4; // t, sigma, 1/s, -sigma/s^2
  static std::array<double, count> at(const VeSde& sde, double t);

  VeSde sde;
  Tensor numbers;    // [count, B], the rows of which are
  Tensor t, sigma;   // [B] and, empty unless the network is preconditioned,
  Tensor unit, skip; // 1/s and -sigma/s^2

  // Of numbers that are yet to be set, here or by others.
  NoiseLevels(const Ncsnpp& network, const VeSde& sde, const Tensor& numbers);
  NoiseLevels(const Ncsnpp& network, const VeSde& sde, std::int64_t batch);
  void set(std::span<const double> t); // one a sample, rounded to the numbers' type
  void set(double t);                  // of all samples alike
};

// r(t, x): t[B], x[B, L, C] -> [B, L, C].
Tensor scaled_score(const Ncsnpp& network, const NoiseLevels& levels, const Tensor& x);
Tensor scaled_score(const Ncsnpp& network, const VeSde& sde, const Tensor& t, const Tensor& x);

// r(t, x)/sigma(t): t[B], x[B, L, C] -> [B, L, C].
Tensor score(const Ncsnpp& network, const VeSde& sde, const Tensor& t, const Tensor& x);

// Per sample: sum over length and channels of (z + r(t, x_0 + sigma(t) z))^2 -> [B]. The training
// loss of score_models (dsm.py) is its mean over the batch.
Tensor denoising_losses(const Ncsnpp& network, const NoiseLevels& levels, const Tensor& x_0,
                        const Tensor& z);
Tensor denoising_losses(const Ncsnpp& network, const VeSde& sde, const Tensor& x_0, const Tensor& t,
                        const Tensor& z);

// What training makes of the losses above.
struct LossOptions {
  // Their weight by sigma: none: 1; edm: 1 + sigma^2, which is 1 for F (Karras et al. 2022);
  // min-snr: min(1, gamma sigma^2), which spares the lowest levels (Hang et al. 2023,
  // arXiv:2303.09556).
  std::string weight = "none";
  double min_snr_gamma = 5;
  // Of t: uniform; stratified: sample b of B in [b, b + 1) T/B; log-normal: ln sigma normal, cut at
  // the ends, with mean and deviation of Karras et al. 2022 unless others are given.
  std::string times = "uniform";
  double log_sigma_mean = -1.2, log_sigma_deviation = 1.2;
};

// The weight of the loss at sigma. Errors: a name that is none of those above.
double loss_weight(const LossOptions& options, double sigma);
// t of sample b of B, from a uniform number in [0, 1) or, for log-normal, a normal one.
double training_time(const LossOptions& options, const VeSde& sde, std::int64_t b, std::int64_t B,
                     double random);

} // namespace lookback::nn
