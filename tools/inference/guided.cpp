#include "tools/inference/guided.hpp"

#include "engine/parallel.hpp"
#include "tools/inference/chain_numbers.hpp"
#include "tools/inference/dkps.hpp"

#include <Eigen/Cholesky>
#include <Eigen/Eigenvalues>

#include <cmath>

namespace lookback::tools {

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;

namespace {

// J with its eigenvalues cut to [0, 1], outside of which no covariance sigma^2 J is.
MatrixXd possible(const MatrixXd& j) {
  const Eigen::SelfAdjointEigenSolver<MatrixXd> eigen(j);
  return eigen.eigenvectors() * eigen.eigenvalues().cwiseMax(0).cwiseMin(1).asDiagonal() *
         eigen.eigenvectors().transpose();
}

// A^T (1 + A V A^T)^-1 (y - S(c)) for V = v times `shape`, or times 1 where it is empty.
VectorXd pull(const WhitenedData& data, const VectorXd& c, double v, const MatrixXd& shape) {
  const MatrixXd a = data.jacobian(c);
  MatrixXd gram = MatrixXd::Identity(a.rows(), a.rows());
  if (shape.size() > 0)
    gram += v * a * shape * a.transpose();
  else
    gram.selfadjointView<Eigen::Lower>().rankUpdate(a, v);
  return a.transpose() * gram.llt().solve(data.residual(c));
}

class Path {
public:
  Path(const Denoiser& denoiser, const WhitenedData& data, const GuidedOptions& options,
       std::int64_t first)
      : denoiser_(denoiser), data_(data), o_(options), first_(first) {}

  MatrixXd guided_mean(const MatrixXd& x, double sigma) const {
    const MatrixXd m = denoiser_.mean(x, sigma);
    return m + sigma * sigma * likelihood_score(o_.guidance, denoiser_, data_, x, sigma, m);
  }

  MatrixXd step(const MatrixXd& x, double sigma, double next, std::int64_t number) const {
    const MatrixXd u = guided_mean(x, sigma);
    const double kept = next * next / (sigma * sigma);
    if (o_.integrator == Integrator::heun) {
      const MatrixXd slope = (x - u) / sigma, euler = x + (next - sigma) * slope;
      return x + 0.5 * (next - sigma) * (slope + (euler - guided_mean(euler, next)) / next);
    }
    const MatrixXd mean = u + kept * (x - u);
    if (o_.integrator == Integrator::euler)
      return mean + sigma * std::sqrt(1 - kept) * noise(x, number, Purpose::sampler_step);
    const MatrixXd y = mean + next * std::sqrt(1 - kept) * noise(x, number, Purpose::sampler_step);
    return o_.integrator == Integrator::ancestral ? y : corrected(y, next, number);
  }

private:
  // Langevin step of length 2 (r sigma)^2, which is Song's for |score| = |z|/sigma.
  MatrixXd corrected(const MatrixXd& x, double sigma, std::int64_t number) const {
    constexpr double r = 0.16; // signal to noise of the step
    return x + 2 * r * r * (guided_mean(x, sigma) - x) +
           2 * r * sigma * noise(x, number, Purpose::sampler_corrector);
  }
  MatrixXd noise(const MatrixXd& x, std::int64_t number, Purpose purpose) const {
    return chain_normals(x.rows(), first_, x.cols(), o_.seed, number, purpose);
  }

  const Denoiser& denoiser_;
  const WhitenedData& data_;
  const GuidedOptions& o_;
  std::int64_t first_;
};

} // namespace

Guidance guidance_named(const std::string& name) {
  for (const auto& [known, value] : {std::pair("cla", Guidance::cla),
                                     {"dps", Guidance::dps},
                                     {"pigdm", Guidance::pigdm},
                                     {"tmpd", Guidance::tmpd}})
    if (name == known) return value;
  fail("'", name, "' is no guidance; expected cla, dps, pigdm or tmpd");
}

Integrator integrator_named(const std::string& name) {
  for (const auto& [known, value] : {std::pair("euler", Integrator::euler),
                                     {"ancestral", Integrator::ancestral},
                                     {"heun", Integrator::heun},
                                     {"predictor-corrector", Integrator::predictor_corrector}})
    if (name == known) return value;
  fail("'", name, "' is no integrator; expected euler, ancestral, heun or predictor-corrector");
}

MatrixXd likelihood_score(Guidance guidance, const Denoiser& denoiser, const WhitenedData& data,
                          const MatrixXd& x_t, double sigma, const MatrixXd& mean) {
  MatrixXd g(x_t.rows(), x_t.cols());
  const double variance = sigma * sigma;
  if (guidance == Guidance::tmpd) {
    for (Index n = 0; n < x_t.cols(); ++n) {
      const MatrixXd j = possible(denoiser.jacobian(x_t.col(n), sigma));
      g.col(n) = j * pull(data, mean.col(n), variance, j);
    }
    return g;
  }
  const double v = guidance == Guidance::cla     ? variance
                   : guidance == Guidance::pigdm ? variance / (1 + variance)
                                                 : 0;
  const MatrixXd& c = guidance == Guidance::cla ? x_t : mean;
  parallel_for(x_t.cols(), [&](std::int64_t n) { g.col(n) = pull(data, c.col(n), v, {}); });
  return guidance == Guidance::cla ? g : denoiser.vjp(x_t, sigma, g);
}

std::int64_t evaluations(const GuidedOptions& o) {
  const std::int64_t a_step =
      o.integrator == Integrator::heun || o.integrator == Integrator::predictor_corrector ? 2 : 1;
  return a_step * (o.levels - 1) + 1;
}

MatrixXd sample_guided(const Denoiser& denoiser, const WhitenedData& data, std::int64_t first,
                       std::int64_t count, const GuidedOptions& o,
                       const std::function<void()>& level_done) {
  const std::vector<double> sigma = karras_levels(o.sigma_max, o.sigma_min, o.levels);
  const Path path(denoiser, data, o, first);
  MatrixXd x = starting_noise(denoiser.dimension(), sigma[0], o.seed, first, count);
  for (std::size_t k = 0; k + 1 < sigma.size(); ++k) {
    x = path.step(x, sigma[k], sigma[k + 1], std::int64_t(k));
    require(x.allFinite(), "sampling: a value at noise level ", sigma[k + 1],
            " is not finite; the guidance is too stiff for ", o.levels, " levels");
    if (level_done) level_done();
  }
  IsotropicConditional narrow(denoiser.dimension());
  const MatrixXd draws = conditional_draws(narrow, data, x, denoiser.mean(x, sigma.back()),
                                           sigma.size() - 1, sigma.back(), first, {.seed = o.seed});
  if (level_done) level_done();
  return draws;
}

} // namespace lookback::tools
