#include "nn/trainer.hpp"

#include <cmath>
#include <numeric>

namespace lookback::nn {
namespace {

// A loss this many times L C, which a network that has learned nothing has, is no fluctuation.
constexpr double divergence = 1000;

void require_sound(std::int64_t step, const char* what, double value, double limit) {
  if (std::isfinite(value) && value <= limit) return;
  std::ostringstream sentence;
  sentence << "training: the " << what << " is " << value << " at step " << step + 1
           << ", so training diverges; lower --learning-rate or set --clip";
  throw Diverged(sentence.str());
}

} // namespace

Trainer::Trainer(Prior& prior, TrainingState& state, std::vector<float> data,
                 const TrainingOptions& options, Communicator& ranks)
    : prior_(prior), state_(state), data_(std::move(data)), options_(options), ranks_(ranks) {
  samples_ = std::int64_t(data_.size()) / (prior.length * prior.config.channels);
  require(options.batch >= 1 && options.batch <= samples_, "training: batch ", options.batch,
          " is larger than the ", samples_, " histories to train on");
  require(options.batch % ranks.size() == 0, "training: batch ", options.batch,
          " cannot be shared equally by ", ranks.size(), " ranks; give a multiple of ",
          ranks.size());
  require(options.epochs >= 1, "training: ", options.epochs,
          " epochs asked for; expected at least 1");
  steps_per_epoch_ = samples_ / options.batch;
  order_.resize(std::size_t(samples_));
}

// Fisher and Yates, from the epoch's own stream of numbers.
void Trainer::shuffle(std::int64_t epoch) {
  std::iota(order_.begin(), order_.end(), 0);
  const Stream stream{
      .seed = options_.seed, .purpose = Purpose::shuffle, .step = std::uint32_t(epoch)};
  for (std::int64_t i = samples_ - 1; i > 0; --i) {
    const auto j = std::int64_t(stream.uniform(std::uint64_t(i)) * double(i + 1));
    std::swap(order_[std::size_t(i)], order_[std::size_t(j)]);
  }
  shuffled_epoch_ = epoch;
}

Trainer::Batch::Batch(const Ncsnpp& network, const VeSde& sde, Shape shape)
    : levels(network, sde, shape[0]), x_0(shape, DType::f32, levels.t.backend()),
      z(empty_like(x_0)), weight(empty_like(levels.sigma)), loss({1}, DType::f32, x_0.backend()) {}

void Trainer::find_loss_and_gradient() {
  Params& params = prior_.network->params();
  state_.optimizer.clear_gradient();
  Tape tape;
  const Recording recording(params, tape, state_.optimizer.gradient);
  Tensor losses = denoising_losses(*prior_.network, batch_->levels, batch_->x_0, batch_->z);
  if (options_.loss.weight != "none") losses = scale_samples(batch_->weight, losses);
  const Tensor value = mean(losses);
  tape.backward(value);
  params.flat().backend().copy(value, batch_->loss);
}

Trainer::Step Trainer::step() {
  const std::int64_t step = state_.optimizer.step, epoch = step / steps_per_epoch_,
                     B = options_.batch / ranks_.size(), first = ranks_.rank() * B; // of the batch
  if (epoch != shuffled_epoch_) shuffle(epoch);
  const std::int64_t L = prior_.length, C = prior_.config.channels, size = L * C;
  std::vector<float> batch(std::size_t(B * size));
  for (std::int64_t b = 0; b < B; ++b) {
    const std::int64_t sample =
        order_[std::size_t(step % steps_per_epoch_ * options_.batch + first + b)];
    std::copy_n(data_.begin() + sample * size, size, batch.begin() + b * size);
  }
  const Params& params = prior_.network->params();
  Backend& backend = params.flat().backend();
  if (!batch_) batch_.emplace(*prior_.network, prior_.sde, Shape{B, L, C});
  backend.upload(batch.data(), batch_->x_0);
  const auto stream = [&](Purpose purpose) -> Stream {
    return {.seed = options_.seed,
            .purpose = purpose,
            .draw = std::uint32_t(first),
            .step = std::uint32_t(step)};
  };
  backend.normal(stream(Purpose::training_noise), batch_->z);
  std::vector<double> times;
  std::vector<float> weights;
  for (std::int64_t b = 0; b < B; ++b) {
    Stream numbers = stream(Purpose::training_time);
    numbers.draw += std::uint32_t(b);
    const auto random =
        float(options_.loss.times == "log-normal" ? numbers.normal(0) : numbers.uniform(0));
    const double time =
        float(training_time(options_.loss, prior_.sde, first + b, options_.batch, random));
    times.push_back(time);
    weights.push_back(float(loss_weight(options_.loss, prior_.sde.sigma(time))));
  }
  batch_->levels.set(times);
  backend.upload(weights.data(), batch_->weight);

  if (repeat_)
    repeat_();
  else
    repeat_ = backend.repeatable([this] { find_loss_and_gradient(); });
  const double share = 1.0 / ranks_.size();
  const Tensor& gradient = state_.optimizer.gradient;
  ranks_.sum(gradient);
  if (ranks_.size() > 1) backend.scale(share, gradient, {gradient, false});
  // The host waits here, when all of the step is on its way.
  const double norm = state_.optimizer.update(params, options_.optimizer),
               loss = share * ranks_.sum(double(batch_->loss.values<float>()[0]));
  require_sound(step, "loss", loss, divergence * double(size));
  require_sound(step, "norm of the gradient", norm, INFINITY);
  state_.epoch_loss += loss;
  if (state_.optimizer.step % steps_per_epoch_ == 0) {
    state_.losses.push_back(float(state_.epoch_loss / double(steps_per_epoch_)));
    state_.epoch_loss = 0;
  }
  return {loss, norm};
}

} // namespace lookback::nn
