#include "tools/inference/denoiser.hpp"

#include "engine/parallel.hpp"

namespace lookback::tools {

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;

namespace {

Tensor times_of(const nn::VeSde& sde, double sigma, const Tensor& x) {
  Tensor t({x.shape()[0]}, x.dtype(), x.backend());
  x.backend().fill(t, sde.time_of(sigma));
  return t;
}

MatrixXd on_host(const Tensor& x, Index rows) {
  const std::vector<double> values = x.numbers();
  return MatrixXd::Map(values.data(), rows, Index(values.size()) / rows);
}

} // namespace

MatrixXd Denoiser::jacobian(const VectorXd& x_t, double sigma) const {
  const Index D = dimension();
  const MatrixXd j = vjp(x_t.replicate(1, D), sigma, MatrixXd::Identity(D, D));
  return 0.5 * (j + j.transpose());
}

Tensor NetworkDenoiser::on_device(const MatrixXd& x) const {
  const Tensor& weights = prior_.network->params().flat();
  const Tensor result({x.cols(), prior_.length, prior_.config.channels}, weights.dtype(),
                      weights.backend());
  visit(weights.dtype(), [&]<class T>(T) {
    const std::vector<T> values(x.reshaped().begin(), x.reshaped().end());
    weights.backend().upload(values.data(), result);
  });
  return result;
}

MatrixXd NetworkDenoiser::mean(const MatrixXd& x_t, double sigma) const {
  const Tensor x = on_device(x_t);
  const Tensor r = nn::scaled_score(*prior_.network, prior_.sde, times_of(prior_.sde, sigma, x), x);
  return x_t + sigma * on_host(r, dimension());
}

MatrixXd NetworkDenoiser::vjp(const MatrixXd& x_t, double sigma, const MatrixXd& u) const {
  const Tensor x = on_device(x_t);
  Tape tape;
  const Tensor variable = tape.variable(x);
  tape.backward(
      nn::scaled_score(*prior_.network, prior_.sde, times_of(prior_.sde, sigma, x), variable),
      on_device(u));
  return u + sigma * on_host(tape.gradient(variable), dimension());
}

MatrixXd MixtureDenoiser::mean(const MatrixXd& x_t, double sigma) const {
  MatrixXd m(x_t.rows(), x_t.cols());
  parallel_for(x_t.cols(), [&](std::int64_t n) {
    m.col(n) = mixture_.conditional(x_t.col(n), sigma).overall_mean();
  });
  return m;
}

MatrixXd MixtureDenoiser::vjp(const MatrixXd& x_t, double sigma, const MatrixXd& u) const {
  MatrixXd g(x_t.rows(), x_t.cols());
  for (Index n = 0; n < x_t.cols(); ++n) g.col(n) = jacobian(x_t.col(n), sigma) * u.col(n);
  return g;
}

MatrixXd MixtureDenoiser::jacobian(const VectorXd& x_t, double sigma) const {
  return total_covariance(mixture_.conditional(x_t, sigma),
                          mixture_.conditional_covariances(sigma)) /
         (sigma * sigma);
}

} // namespace lookback::tools
