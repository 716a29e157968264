// The rows of the table: a sampler by name, and what it cost.
#pragma once

#include "bench/posterior/problem.hpp"
#include "tools/inference/dkps.hpp"
#include "tools/inference/guided.hpp"

#include <atomic>
#include <functional>
#include <string>
#include <vector>

namespace lookback::bench {

// Counts what is asked of a denoiser, a column at a time.
class CountingDenoiser : public tools::Denoiser {
public:
  explicit CountingDenoiser(const tools::Denoiser& denoiser) : denoiser_(denoiser) {}
  Eigen::Index dimension() const override { return denoiser_.dimension(); }
  Eigen::MatrixXd mean(const Eigen::MatrixXd& x_t, double sigma) const override {
    means += x_t.cols();
    return denoiser_.mean(x_t, sigma);
  }
  Eigen::MatrixXd vjp(const Eigen::MatrixXd& x_t, double sigma,
                      const Eigen::MatrixXd& u) const override {
    vjps += x_t.cols();
    return denoiser_.vjp(x_t, sigma, u);
  }
  Eigen::MatrixXd jacobian(const Eigen::VectorXd& x_t, double sigma) const override {
    vjps += dimension();
    return denoiser_.jacobian(x_t, sigma);
  }
  mutable std::atomic<std::int64_t> means = 0, vjps = 0;

private:
  const tools::Denoiser& denoiser_;
};

struct MockData {
  const tools::WhitenedData* data; // compressed
  const nn::Likelihood* pixels;    // the same data, whole, for cla-diagonal
};

struct Row {
  std::string name;
  std::function<Eigen::MatrixXd(const CountingDenoiser&, const MockData&, std::int64_t chains)> run;
  bool slow = false; // left out unless asked for
};

// `priors` are the mixtures whose conditional covariances dkps borrows: the prior's own, and
// surrogates of 6, 3 and 1 components fitted to draws from it.
std::vector<Row>
table_rows(const tools::GaussianMixture& prior,
           const std::vector<std::pair<std::string, tools::GaussianMixture>>& surrogates);

// Linear data as the published method sees them.
class LinearPixels : public nn::Likelihood {
public:
  explicit LinearPixels(const tools::LinearData& data);
  std::int64_t pixels() const override { return a_.rows(); }
  std::span<const double> noise_variance() const override { return ones_; }
  std::vector<double> residual(const Tensor& x) const override;
  Tensor vjp(const Tensor& x, std::span<const double> u) const override;

private:
  Eigen::MatrixXd a_;
  Eigen::VectorXd y_;
  std::vector<double> ones_;
};

} // namespace lookback::bench
