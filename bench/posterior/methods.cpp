#include "bench/posterior/methods.hpp"

#include "nn/posterior.hpp"
#include "nn/sampler.hpp"
#include "tools/inference/chain_numbers.hpp"

namespace lookback::bench {

using namespace tools;
using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;

namespace {

MatrixXd columns(const Tensor& x) {
  const std::vector<double> values = x.numbers();
  const Index n = Index(x.shape()[0]);
  return MatrixXd::Map(values.data(), Index(values.size()) / n, n);
}

Tensor tensor(const MatrixXd& x) {
  Tensor t({x.cols(), x.rows() / 2, 2}, DType::f64, cpu_backend());
  cpu_backend().upload(x.data(), t);
  return t;
}

Row dkps(const std::string& name, std::shared_ptr<ConditionalPrior> conditional, int levels) {
  return {name + ", " + std::to_string(levels) + " levels",
          [=](const CountingDenoiser& d, const MockData& m, std::int64_t chains) {
            return sample_dkps(d, *conditional, *m.data, 0, chains, {.levels = levels}).x;
          }};
}

Row dkps_by_jacobian(int levels) {
  return {"dkps, jacobian, " + std::to_string(levels) + " levels",
          [=](const CountingDenoiser& d, const MockData& m, std::int64_t chains) {
            JacobianConditional conditional(d);
            return sample_dkps(d, conditional, *m.data, 0, chains, {.levels = levels}).x;
          }};
}

Row guided(const std::string& name, GuidedOptions o) {
  return {name + ", " + std::to_string(o.levels) + " levels",
          [=](const CountingDenoiser& d, const MockData& m, std::int64_t chains) {
            return sample_guided(d, *m.data, 0, chains, o);
          }};
}

// As published: Euler-Maruyama in equal steps of t, the mean of the last step returned.
Row cla_diagonal(int steps, double clip) {
  const std::string cut = clip > 0 ? "clip " + std::to_string(int(clip)) : "no clip";
  return {
      "cla-diagonal, Euler-Maruyama, " + std::to_string(steps) + " steps, " + cut,
      [=](const CountingDenoiser& d, const MockData& m, std::int64_t chains) {
        const nn::VeSde sde{.sigma_min = 0.001, .sigma_max = 16};
        nn::DiagonalCla cla(*m.pixels, Tensor({1, d.dimension() / 2, 2}, DType::f64, cpu_backend()),
                            {.clip = clip});
        const nn::Score score = [&](const Tensor& x, double t) {
          const double sigma = sde.sigma(t);
          const MatrixXd x_t = columns(x);
          return tensor((d.mean(x_t, sigma) - x_t) / (sigma * sigma) +
                        columns(cla.score(x, sigma)));
        };
        const nn::Noise noise = [&](int step) {
          return tensor(chain_normals(d.dimension(), 0, chains, 0, step, Purpose::sampler_step));
        };
        return columns(nn::euler_maruyama(
            score, sde, tensor(starting_noise(d.dimension(), sde.sigma_max, 0, 0, chains)), steps,
            noise));
      }};
}

} // namespace

std::vector<Row>
table_rows(const GaussianMixture& prior,
           const std::vector<std::pair<std::string, GaussianMixture>>& surrogates) {
  std::vector<Row> rows;
  for (const int levels : {10, 20, 50})
    rows.push_back(
        dkps("dkps, the prior's own mixture", std::make_shared<MixtureConditional>(prior), levels));
  for (const int levels : {10, 20, 40}) rows.push_back(dkps_by_jacobian(levels));
  for (const auto& [name, mixture] : surrogates) {
    const auto conditional = std::make_shared<MixtureConditional>(mixture);
    rows.push_back(dkps("dkps, " + name, conditional, 25));
    rows.push_back(dkps("dkps, " + name, conditional, 50));
    rows.push_back({name + " alone, no network, 50 levels",
                    [mixture = mixture, conditional](const CountingDenoiser&, const MockData& m,
                                                     std::int64_t chains) {
                      const MixtureDenoiser alone(mixture);
                      return sample_dkps(alone, *conditional, *m.data, 0, chains, {.levels = 50}).x;
                    }});
  }
  rows.push_back(dkps("dkps, sigma^2/(1 + sigma^2) (daps)",
                      std::make_shared<IsotropicConditional>(prior.dimension()), 200));
  using enum Guidance;
  using enum Integrator;
  rows.push_back(guided("tmpd, ancestral", {.guidance = tmpd, .levels = 20}));
  rows.push_back(guided("tmpd, Heun", {.guidance = tmpd, .integrator = heun, .levels = 20}));
  rows.push_back(guided("pigdm, ancestral", {.guidance = pigdm, .levels = 200}));
  rows.push_back(
      guided("cla, Euler-Maruyama", {.guidance = cla, .integrator = euler, .levels = 400}));
  rows.push_back(guided("cla, ancestral", {.guidance = cla, .levels = 400}));
  rows.push_back(guided("cla, predictor-corrector",
                        {.guidance = cla, .integrator = predictor_corrector, .levels = 200}));
  rows.push_back(guided("dps, ancestral", {.guidance = dps, .levels = 1000}));
  rows.push_back(cla_diagonal(1000, 10));
  rows.push_back(cla_diagonal(4000, 10));
  rows.back().slow = true;
  rows.push_back(cla_diagonal(4000, 0));
  rows.back().slow = true;
  return rows;
}

LinearPixels::LinearPixels(const LinearData& data)
    : a_(data.jacobian(VectorXd())), y_(data.residual(VectorXd::Zero(a_.cols()))),
      ones_(std::size_t(a_.rows()), 1) {}

std::vector<double> LinearPixels::residual(const Tensor& x) const {
  std::vector<double> r(std::size_t(a_.rows() * x.shape()[0]));
  MatrixXd::Map(r.data(), a_.rows(), x.shape()[0]) = (-a_ * columns(x)).colwise() + y_;
  return r;
}

Tensor LinearPixels::vjp(const Tensor& x, std::span<const double> u) const {
  return tensor(a_.transpose() * MatrixXd::Map(u.data(), a_.rows(), x.shape()[0]));
}

} // namespace lookback::bench
