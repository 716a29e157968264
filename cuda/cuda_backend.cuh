// The CUDA backend: one device, one stream, so that kernels run in the order of their calls and a
// block of memory may be given away while a kernel that reads it is still under way. Nothing waits
// for the device but upload and download.
#pragma once

#include "cuda/launch.cuh"
#include "engine/backend.hpp"
#include "engine/memory.hpp"
#include "engine/signal.hpp"

namespace lookback::cuda {

class CudaBackend : public Backend {
public:
  CudaBackend(); // throws Error where no device answers
  ~CudaBackend() override;
  Device device() const override { return Device::cuda; }
  cudaStream_t stream() const { return stream_; }
  std::shared_ptr<void> allocate(std::size_t bytes) override { return pool_->take(bytes); }
  std::int64_t system_allocations() const override { return pool_->system_allocations(); }
  void upload(const void* host, const Tensor& to) override;
  void download(const Tensor& from, void* host) override;
  void copy(const Tensor& from, const Tensor& to) override;
  void fill(const Tensor& x, double value) override;
  std::function<void()> repeatable(std::function<void()> operations) override;

  void activate(Activation kind, const Tensor& x, const Tensor& y) override;
  void activate_backward(Activation kind, const Tensor& x, const Tensor& dy, Out dx) override;
  void scale(double factor, const Tensor& x, Out y) override;
  void scale_samples(const Tensor& factor, const Tensor& x, Out y) override;

  void squared_norm(const Tensor& x, const Tensor& y) override;
  void squared_norm_backward(const Tensor& x, const Tensor& dy, Out dx) override;
  void mean(const Tensor& x, const Tensor& y) override;
  void mean_backward(const Tensor& dy, Out dx) override;
  void sum_rows(double factor, const Tensor& x, Out y) override;
  void sum_length(double factor, const Tensor& x, Out y) override;

  void conv1d(const Tensor& x, const Tensor& w, const ConvEpilogue& epilogue,
              const Tensor& y) override;
  void conv1d_backward_input(double factor, const Tensor& w, const Tensor& dy, Out dx) override;
  void conv1d_backward_weight(double factor, const Tensor& x, const Tensor& dy, Out dw) override;

  void dense(const Tensor& x, std::span<const DenseLayer> layers,
             std::span<const Tensor> y) override;

  void group_norm(const Tensor& x, const Tensor& gamma, const Tensor& beta, double epsilon,
                  Activation kind, const Tensor& y, const Tensor& statistics) override;
  void group_norm_backward(const Tensor& x, const Tensor& gamma, const Tensor& beta,
                           const Tensor& statistics, Activation kind, const Tensor& dy, Out dx,
                           Out dgamma, Out dbeta) override;

  void attention(const Tensor& qkv, const Tensor& y) override;
  void attention_backward(const Tensor& qkv, const Tensor& dy, Out dqkv) override;

  void resample(const Resampling& filter, const Tensor& x, Out y) override;
  void copy_channels(const Tensor& x, std::int64_t from, Out y, std::int64_t to,
                     std::int64_t n) override;
  void fourier_features(const Tensor& t, const Tensor& w, const Tensor& y) override;
  void fourier_features_backward(const Tensor& t, const Tensor& w, const Tensor& dy,
                                 Out dt) override;

  void spread_row(const Tensor& table, const Tensor& row, const Tensor& y) override;
  using Backend::normal;
  void normal(const Stream& key, const Tensor& x, const Tensor& step) override;
  void uniform(const Stream& key, const Tensor& x) override;
  void adam(const AdamStep& step, const Tensor& gradient, const Tensor& gradient_norm_squared,
            const Tensor& moment_1, const Tensor& moment_2, const Tensor& value,
            const Tensor& average) override;

private:
  // Where a kernel runs and what an error says if it fails.
  Launch launch(const char* kernel, const Shape& shape) const { return {stream_, kernel, shape}; }

  cudaStream_t stream_ = nullptr;
  std::shared_ptr<Pool> pool_; // or, while operations are noted down, the memory of their graph
};

} // namespace lookback::cuda
