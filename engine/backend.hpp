// Everything a device must be able to do. One class per device implements it; an operation that one
// of them lacks does not compile. Arguments are checked by the ops (engine/ops.hpp), not here.
#pragma once

#include "engine/random.hpp"
#include "engine/tensor.hpp"

#include <functional>
#include <span>

namespace lookback {

// Where a kernel writes, and whether it adds to what is there or overwrites it.
struct Out {
  Tensor tensor;
  bool add = false;
};

enum class Activation { none, silu, relu, elu, tanh };

// y = scale (conv(x, w) + bias[c] + embedding[b, c] + residual); empty tensors are left out.
struct ConvEpilogue {
  Tensor bias;      // [Co]
  Tensor embedding; // [B, Co]
  Tensor residual;  // [B, L, Co]
  double scale = 1;
};

// y = x w + bias: w[1, Ci, Co], bias[Co].
struct DenseLayer {
  Tensor w, bias;
};

// y[m] = sum_n taps[up n - down m + offset] x[n]: zero-insertion, filter and decimation in one. Its
// transpose has up and down exchanged, the taps reversed and offset' = taps - 1 - offset.
struct Resampling {
  std::vector<double> taps;
  int up = 1, down = 1, offset = 0;
};

struct AdamStep {
  double learning_rate = 1e-4, beta_1 = 0.9, beta_2 = 0.999, epsilon = 1e-8;
  double bias_correction_1 = 1, bias_correction_2 = 1; // 1 - beta^step
  double clip_norm = 0;                                // 0: no clipping
  double ema_decay = 0.9999;
};

// What the factors of convolutions' products are rounded to where 16 channels or more are summed;
// sums are float32, float64 tensors are not rounded. The CPU has no tf32 (11 significant bits, as
// tensor cores have it) and rounds in the forward direction alone; CUDA rounds in gradients too.
enum class Precision { fp32, tf32, bf16 };
Precision precision_named(const std::string& name); // fp32, tf32 or bf16

class Backend {
public:
  virtual ~Backend() = default;
  virtual Device device() const = 0;

  Precision precision() const { return precision_; }
  // Errors: the device has no such precision.
  virtual void set_precision(Precision precision) { precision_ = precision; }

  // Memory
  virtual std::shared_ptr<void> allocate(std::size_t bytes) = 0;
  virtual std::int64_t system_allocations() const = 0; // how often the system was asked for memory
  virtual void upload(const void* host, const Tensor& to) = 0;
  virtual void download(const Tensor& from, void* host) = 0; // waits until the values are there
  virtual void copy(const Tensor& from, const Tensor& to) = 0;
  virtual void fill(const Tensor& x, double value) = 0;

  // Runs the operations and returns what runs them again. They must be the same every time, between
  // tensors that stay where they are, and read nothing on the host; a device may then note down
  // what it is asked to do and repeat it without the host. The precision is that of the first time.
  virtual std::function<void()> repeatable(std::function<void()> operations) {
    operations();
    return operations;
  }

  // Pointwise
  virtual void activate(Activation kind, const Tensor& x, const Tensor& y) = 0;
  virtual void activate_backward(Activation kind, const Tensor& x, const Tensor& dy, Out dx) = 0;
  virtual void scale(double factor, const Tensor& x, Out y) = 0; // y (+)= factor x
  virtual void scale_samples(const Tensor& factor, const Tensor& x,
                             Out y) = 0; // factor[B], x[B, ...]

  // Sums
  virtual void squared_norm(const Tensor& x, const Tensor& y) = 0; // x[B, ...] -> y[B]
  virtual void squared_norm_backward(const Tensor& x, const Tensor& dy, Out dx) = 0;
  virtual void mean(const Tensor& x, const Tensor& y) = 0; // all elements -> y[1]
  virtual void mean_backward(const Tensor& dy, Out dx) = 0;
  virtual void sum_rows(double factor, const Tensor& x, Out y) = 0; // x[B, L, C] -> factor y[C]
  virtual void sum_length(double factor, const Tensor& x,
                          Out y) = 0; // x[B, L, C] -> factor y[B, C]

  // Convolution, stride 1, zero "same" padding: x[B, L, Ci], w[K, Ci, Co], K odd. A dense layer is
  // K = 1, L = 1.
  virtual void conv1d(const Tensor& x, const Tensor& w, const ConvEpilogue& epilogue,
                      const Tensor& y) = 0;
  virtual void conv1d_backward_input(double factor, const Tensor& w, const Tensor& dy, Out dx) = 0;
  virtual void conv1d_backward_weight(double factor, const Tensor& x, const Tensor& dy, Out dw) = 0;

  // Dense layers of the same x[B, Ci], into y[i] of shape [B, Co]: small ones, which a device may
  // make together, with the bits of conv1d.
  virtual void dense(const Tensor& x, std::span<const DenseLayer> layers,
                     std::span<const Tensor> y) {
    for (std::size_t i = 0; i < layers.size(); ++i)
      conv1d(as_rows(x), layers[i].w, {layers[i].bias, {}, {}}, as_rows(y[i]));
  }
  static Tensor as_rows(const Tensor& x) { // [B, C] -> [B, 1, C], unknown to any tape
    return x.untaped().reshaped({x.shape()[0], 1, x.shape()[1]});
  }

  // y = activation(gamma (x - mean) / sqrt(variance + epsilon) + beta) over groups of neighbouring
  // channels x length; statistics[B, G, 2] receives mean and 1/sqrt(variance + epsilon).
  virtual void group_norm(const Tensor& x, const Tensor& gamma, const Tensor& beta, double epsilon,
                          Activation kind, const Tensor& y, const Tensor& statistics) = 0;
  // Any of the outputs may be empty (not wanted).
  virtual void group_norm_backward(const Tensor& x, const Tensor& gamma, const Tensor& beta,
                                   const Tensor& statistics, Activation kind, const Tensor& dy,
                                   Out dx, Out dgamma, Out dbeta) = 0;

  // Single-head attention over positions: qkv[B, L, 3C] -> y[B, L, C], weights softmax(q k / sqrt
  // C).
  virtual void attention(const Tensor& qkv, const Tensor& y) = 0;
  virtual void attention_backward(const Tensor& qkv, const Tensor& dy, Out dqkv) = 0;

  virtual void resample(const Resampling& filter, const Tensor& x,
                        Out y) = 0; // [B, L, C] -> [B, M, C]

  // Channels [from, from + n) of x to channels [to, to + n) of y.
  virtual void copy_channels(const Tensor& x, std::int64_t from, Out y, std::int64_t to,
                             std::int64_t n) = 0;

  // [sin(p), cos(p)], p = ((t w) 2) pi: t[B], w[F] -> y[B, 2F].
  virtual void fourier_features(const Tensor& t, const Tensor& w, const Tensor& y) = 0;
  virtual void fourier_features_backward(const Tensor& t, const Tensor& w, const Tensor& dy,
                                         Out dt) = 0;

  // y[k, ...] = table[row, k]: table[R, K], y[K, ...]; `row` is one float64 number on the device,
  // so that operations it repeats meet another row every time.
  virtual void spread_row(const Tensor& table, const Tensor& row, const Tensor& y) = 0;

  // Random numbers: sample b of x[B, ...] is stream `key` with draw = key.draw + b and, where
  // given, step = key.step + step[0], float64 as above.
  virtual void normal(const Stream& key, const Tensor& x, const Tensor& step) = 0;
  void normal(const Stream& key, const Tensor& x) { normal(key, x, {}); }
  virtual void uniform(const Stream& key, const Tensor& x) = 0;

  // One step of Adam (Kingma & Ba 2015, as PyTorch writes it) and of the moving average of the
  // weights; gradient_norm_squared[1] is the squared L2 norm of `gradient`, for clipping.
  virtual void adam(const AdamStep& step, const Tensor& gradient,
                    const Tensor& gradient_norm_squared, const Tensor& moment_1,
                    const Tensor& moment_2, const Tensor& value, const Tensor& average) = 0;

private:
  Precision precision_ = Precision::fp32;
};

Backend& cpu_backend();
const char* cpu_instruction_set(); // of its kernels: portable, avx2 or avx512
Backend& cuda_backend();           // throws Error where this build or machine has no CUDA
bool cuda_built_in();
Backend& backend_for(const std::string& device); // "cpu" or "cuda"

} // namespace lookback
