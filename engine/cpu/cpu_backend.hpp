// The CPU backend, the first and only include of every kernel file of this folder. Each of these
// files is compiled once for each instruction set, into the namespace that LOOKBACK_ISA names
// (kernels.cmake); dispatch.cpp chooses one when the program runs. Kernels live in one file an op
// and are templates over the number type; the class chooses the type at run time.
#pragma once

#include "engine/backend.hpp"
#include "engine/memory.hpp"
#include "engine/parallel.hpp"
#include "engine/scalar.hpp"
#include "engine/signal.hpp"

#include <algorithm>
#include <bit>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <new>
#include <vector>

#include "engine/cpu/isa.hpp" // last: what follows is compiled for the instruction set

namespace lookback::cpu::LOOKBACK_ISA {

// Calls f(first, last) on pieces of [0, count) of a fixed size, in parallel.
template <class F> void for_ranges(std::int64_t count, std::int64_t piece, F&& f) {
  parallel_for((count + piece - 1) / piece,
               [&](std::int64_t i) { f(i * piece, std::min(count, (i + 1) * piece)); });
}

class CpuBackend : public Backend {
public:
  CpuBackend();
  Device device() const override { return Device::cpu; }
  void set_precision(Precision precision) override {
    require(precision != Precision::tf32,
            "device cpu has no precision tf32, which is for device cuda; use fp32 or bf16");
    Backend::set_precision(precision);
  }
  std::shared_ptr<void> allocate(std::size_t bytes) override { return pool_->take(bytes); }
  std::int64_t system_allocations() const override { return pool_->system_allocations(); }
  void upload(const void* host, const Tensor& to) override;
  void download(const Tensor& from, void* host) override;
  void copy(const Tensor& from, const Tensor& to) override;
  void fill(const Tensor& x, double value) override;

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
  std::shared_ptr<Pool> pool_;
};

} // namespace lookback::cpu::LOOKBACK_ISA
