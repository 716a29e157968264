// A trained prior: network, SDE, normalisation and time bins, and its file (`lookback-prior`).
#pragma once

#include "nn/optimizer.hpp"
#include "nn/score_matching.hpp"
#include "nn/variables.hpp"

#include <filesystem>
#include <memory>
#include <optional>

namespace lookback::nn {

// What training needs to go on from where it stopped; random numbers are functions of `step`.
struct TrainingState {
  Optimizer optimizer;
  std::vector<float> losses; // mean loss of every epoch done
  double epoch_loss = 0;     // sum over the steps done of the current epoch
};

// A mixture of Gaussians fitted to the same x: weight[K], mean[K, L C], covariance[K, L C, L C], x
// in the order [L, C] of a tensor. Posterior methods take the covariance of x given a noisy x from
// it.
struct Mixture {
  std::vector<double> weight, mean, covariance;
};

struct Prior {
  NcsnppConfig config;
  VeSde sde;
  std::int64_t length = 64;
  Normalization normalization;
  std::vector<double> bin_edges_gyr; // length + 1, cosmic time
  std::optional<Mixture> mixture;
  std::unique_ptr<Ncsnpp> network; // weights to evaluate; while training, the raw ones
};

// Errors: file missing, truncated or of another format, hyperparameters not supported, a weight
// missing or of the wrong shape.
Prior read_prior(const std::filesystem::path& file, Backend& backend, DType dtype = DType::f32);

// The raw weights and the state of the training that wrote the file; none where it holds none. The
// prior's network receives the raw weights.
std::optional<TrainingState> read_training(const std::filesystem::path& file, Prior& prior);

// With `training`, weights/ receives the moving average, and training/ the raw weights and the
// state. `configuration` is the JSON text stored as attribute `config`.
void write_prior(const std::filesystem::path& file, const Prior& prior,
                 const TrainingState* training, const std::string& configuration, bool overwrite);

// The same without training, and with weights in half precision (engine/hdf5.hpp).
void write_compact_prior(const std::filesystem::path& file, const Prior& prior,
                         const Tensor& weights, const std::string& configuration, bool overwrite);

} // namespace lookback::nn
