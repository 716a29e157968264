// Training of a prior: batches in a shuffled order, noise, loss, gradient, Adam. Everything random
// is a function of (seed, step, place in the batch), so a run that is stopped and resumed gives the
// same bits. Of several ranks each computes an equal share of the same batch; their gradients are
// summed, so R ranks differ from one by rounding only, and hold the same bits as each other.
#pragma once

#include "engine/communicator.hpp"
#include "nn/prior.hpp"

namespace lookback::nn {

struct TrainingOptions {
  LossOptions loss;
  OptimizerOptions optimizer;
  std::int64_t batch = 128; // of all ranks together
  std::int64_t epochs = 100;
  std::uint64_t seed = 0;
};

// On every rank alike.
struct Diverged : Error {
  using Error::Error;
};

class Trainer {
public:
  // `data` is [N, L, C], standardised, the same on every rank; `prior` holds the raw weights. The
  // tensors of `prior` and `state` stay the same ones while the trainer lives.
  // Errors: no full batch; a batch that the ranks cannot share equally.
  Trainer(Prior& prior, TrainingState& state, std::vector<float> data,
          const TrainingOptions& options, Communicator& ranks = one_rank());
  Trainer(const Trainer&) = delete;
  Trainer& operator=(const Trainer&) = delete;

  std::int64_t steps_per_epoch() const { return steps_per_epoch_; }
  std::int64_t total_steps() const { return steps_per_epoch_ * options_.epochs; }

  struct Step {
    double loss, gradient_norm;
  };
  // One step; at the end of an epoch its mean loss joins state.losses. Diverged: loss or gradient
  // not finite, or the loss far above that of a network that has learned nothing; the state is then
  // spoiled.
  Step step();

private:
  // Of a step, in tensors that stay where they are, so that the device can repeat it.
  struct Batch {
    NoiseLevels levels;
    Tensor x_0, z, weight, loss; // [B, L, C], [B, L, C], [B], [1]
    Batch(const Ncsnpp& network, const VeSde& sde, Shape shape);
  };
  void shuffle(std::int64_t epoch);
  void find_loss_and_gradient();

  Prior& prior_;
  TrainingState& state_;
  std::vector<float> data_;
  TrainingOptions options_;
  Communicator& ranks_;
  std::int64_t samples_, steps_per_epoch_, shuffled_epoch_ = -1;
  std::vector<std::int64_t> order_;
  std::optional<Batch> batch_;
  std::function<void()> repeat_; // find_loss_and_gradient
};

} // namespace lookback::nn
