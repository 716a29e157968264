#include "tools/inference/dkps.hpp"

#include "engine/parallel.hpp"
#include "tools/inference/chain_numbers.hpp"

#include <Eigen/Cholesky>
#include <Eigen/Eigenvalues>

#include <cmath>

namespace lookback::tools {

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;

namespace {

// L with L L^T = C; rounding may leave C without its smallest eigenvalues.
std::shared_ptr<const MatrixXd> cholesky(MatrixXd c) {
  const double jitter = 1e-12 * c.trace() / double(c.rows());
  for (double add = jitter;; add *= 100) {
    c.diagonal().array() += add;
    const Eigen::LLT<MatrixXd> llt(c);
    if (llt.info() == Eigen::Success) return std::make_shared<const MatrixXd>(llt.matrixL());
    require(add < 1e6 * jitter, "dkps: a covariance of x given x_t is not positive definite");
  }
}

// The density of e ~ N(0, 1) times the likelihood of x = m + L e, and its Gaussian at the maximum.
class Peak {
public:
  Peak(const WhitenedData& data, const ConditionalPart& part, int newton_steps)
      : data_(data), part_(part), mode_(VectorXd::Zero(part.mean.size())) {
    VectorXd residual = data_.residual(part.mean);
    cost_ = 0.5 * residual.squaredNorm();
    for (int step = 0;; ++step) {
      linearise(mode_);
      if (step == newton_steps) break;
      const VectorXd towards = jw_.transpose() * gram_.solve(residual + jw_ * mode_) - mode_;
      const double before = cost_;
      for (double length = 1; length > 1e-3 && cost_ == before; length /= 2) {
        const VectorXd e = mode_ + length * towards, r = data_.residual(x(e));
        const double here = 0.5 * (r.squaredNorm() + e.squaredNorm());
        if (!(here < cost_)) continue; // also where it is not a number
        mode_ = e;
        residual = r;
        cost_ = here;
      }
      if (before - cost_ < negligible) break;
    }
  }

  VectorXd x(const VectorXd& e) const { return part_.mean + *part_.factor * e; }

  // ln of the part's weight times the integral of its density, by Laplace's approximation.
  double log_evidence() const {
    return std::log(part_.weight) - cost_ - gram_.matrixLLT().diagonal().array().log().sum();
  }
  // (|y - S|^2 + |e|^2)/size at e*, for linear S the square of y - S(m) in its own standard
  // deviations: how hard the data pull at what the prior expects.
  double pull() const { return 2 * cost_ / double(jw_.rows()); }
  // From N(e*, (1 + J^T J)^-1), J of the whitened S by e: Matheron's rule.
  VectorXd propose(ChainNumbers& numbers) const {
    const VectorXd z = numbers.normal(mode_.size()), noise = numbers.normal(jw_.rows());
    return mode_ + z + jw_.transpose() * gram_.solve(noise - jw_ * z);
  }
  // ln of the density over its approximation; determinants and weights cancel.
  double log_ratio(const VectorXd& e) const {
    const VectorXd d = e - mode_;
    return cost_ + 0.5 * (d.squaredNorm() + (jw_ * d).squaredNorm() - e.squaredNorm() -
                          data_.residual(x(e)).squaredNorm());
  }

private:
  static constexpr double negligible = 1e-3; // of a log density

  void linearise(const VectorXd& e) {
    jw_ = data_.jacobian(x(e)) * part_.factor->triangularView<Eigen::Lower>();
    MatrixXd gram = MatrixXd::Identity(jw_.rows(), jw_.rows());
    gram.selfadjointView<Eigen::Lower>().rankUpdate(jw_);
    gram_.compute(gram);
  }

  const WhitenedData& data_;
  const ConditionalPart& part_;
  VectorXd mode_;
  double cost_;
  MatrixXd jw_; // dS/de, [size, D]
  Eigen::LLT<MatrixXd> gram_;
};

// A point of one of the peaks.
struct Point {
  VectorXd x;
  double log_ratio;
};

Point propose(const std::vector<Peak>& peaks, const VectorXd& share, ChainNumbers& numbers) {
  const double u = numbers.uniform();
  std::size_t k = 0;
  for (double sum = share[0]; k + 1 < peaks.size() && u > sum; sum += share[Index(++k)]) {
  }
  const VectorXd e = peaks[k].propose(numbers);
  return {peaks[k].x(e), peaks[k].log_ratio(e)};
}

struct OneDraw {
  int accepted = 0; // moves
  double pull = 0;  // of the peak with the largest share
};

VectorXd draw(const std::vector<Peak>& peaks, int moves, ChainNumbers& numbers, OneDraw& report) {
  VectorXd share(Index(peaks.size()));
  for (std::size_t k = 0; k < peaks.size(); ++k) share[Index(k)] = peaks[k].log_evidence();
  share = (share.array() - share.maxCoeff()).exp();
  Index likeliest = 0;
  share.maxCoeff(&likeliest);
  report.pull = peaks[std::size_t(likeliest)].pull();
  share /= share.sum();
  Point at = propose(peaks, share, numbers);
  for (int move = 0; move < moves; ++move) {
    const Point other = propose(peaks, share, numbers);
    const double u = numbers.uniform();
    // A first point where the density is not finite is left for any other.
    if (!(std::log(u) < other.log_ratio - at.log_ratio || !std::isfinite(at.log_ratio))) continue;
    at = other;
    ++report.accepted;
  }
  return at.x;
}

// Of a chain, counted from the first of the batch.
using DataOfChain = std::function<const WhitenedData&(Index chain)>;

MatrixXd draws_given(ConditionalPrior& conditional, const DataOfChain& data, const MatrixXd& x_t,
                     const MatrixXd& mean, std::size_t level, double sigma, std::int64_t first,
                     const DkpsOptions& o, LevelReport* report) {
  conditional.prepare(sigma);
  MatrixXd x(x_t.rows(), x_t.cols());
  std::vector<OneDraw> reports{std::size_t(x_t.cols())};
  parallel_for(x_t.cols(), [&](std::int64_t n) {
    ChainNumbers numbers(o.seed, first + n, std::int64_t(level), Purpose::posterior_draw);
    const auto parts = conditional.parts(x_t.col(n), sigma, mean.col(n));
    std::vector<Peak> peaks;
    for (const ConditionalPart& part : parts) peaks.emplace_back(data(n), part, o.newton_steps);
    x.col(n) = draw(peaks, o.moves, numbers, reports[std::size_t(n)]);
  });
  require(x.allFinite(), "sampling: a draw at noise level ", sigma, " is not finite");
  if (!report) return x;
  *report = {0, 0};
  for (const OneDraw& each : reports) {
    report->accepted += o.moves > 0 ? double(each.accepted) / double(o.moves * x.cols()) : 0;
    report->pull += each.pull / double(x.cols());
  }
  return x;
}

} // namespace

void MixtureConditional::prepare(double sigma) {
  factors_.clear();
  for (MatrixXd& c : mixture_.conditional_covariances(sigma)) factors_.push_back(cholesky(c));
}

std::vector<ConditionalPart> MixtureConditional::parts(const VectorXd& x_t, double sigma,
                                                       const VectorXd& mean) const {
  constexpr double negligible = 1e-6; // of a component's weight
  const GaussianMixture::Conditional c = mixture_.conditional(x_t, sigma);
  const VectorXd shift = mean - c.overall_mean();
  std::vector<ConditionalPart> parts;
  for (Index k = 0; k < c.weight.size(); ++k)
    if (c.weight[k] > negligible)
      parts.push_back({c.weight[k], c.mean.col(k) + shift, factors_[std::size_t(k)]});
  return parts;
}

std::vector<ConditionalPart> IsotropicConditional::parts(const VectorXd&, double,
                                                         const VectorXd& mean) const {
  return {{1, mean, factor_}};
}

void IsotropicConditional::prepare(double sigma) {
  factor_ = std::make_shared<const MatrixXd>(MatrixXd::Identity(dimension_, dimension_) * sigma /
                                             std::sqrt(1 + sigma * sigma));
}

std::vector<ConditionalPart> JacobianConditional::parts(const VectorXd& x_t, double sigma,
                                                        const VectorXd& mean) const {
  constexpr double least = 1e-8;
  const Eigen::SelfAdjointEigenSolver<MatrixXd> eigen(denoiser_.jacobian(x_t, sigma));
  const VectorXd share = eigen.eigenvalues().cwiseMax(least).cwiseMin(1.0);
  return {{1, mean,
           cholesky(sigma * sigma * eigen.eigenvectors() * share.asDiagonal() *
                    eigen.eigenvectors().transpose())}};
}

std::vector<double> karras_levels(double sigma_max, double sigma_min, int levels) {
  require(levels >= 2, "sampling: ", levels, " levels asked for; expected at least 2");
  constexpr double rho = 7;
  std::vector<double> sigma;
  for (int i = 0; i < levels; ++i) {
    const double high = std::pow(sigma_max, 1 / rho), low = std::pow(sigma_min, 1 / rho);
    sigma.push_back(std::pow(high + i / double(levels - 1) * (low - high), rho));
  }
  return sigma;
}

MatrixXd starting_noise(Index dimension, double sigma, std::uint64_t seed, std::int64_t first,
                        std::int64_t count) {
  return sigma * chain_normals(dimension, first, count, seed, 0, Purpose::sampler_start);
}

MatrixXd conditional_draws(ConditionalPrior& conditional, const WhitenedData& data,
                           const MatrixXd& x_t, const MatrixXd& mean, std::size_t level,
                           double sigma, std::int64_t first, const DkpsOptions& o,
                           LevelReport* report) {
  return draws_given(
      conditional, [&](Index) -> const WhitenedData& { return data; }, x_t, mean, level, sigma,
      first, o, report);
}

DkpsDraws sample_dkps(const Denoiser& denoiser, ConditionalPrior& conditional,
                      const WhitenedData& data, std::int64_t first, std::int64_t count,
                      const DkpsOptions& o, const std::function<void()>& level_done,
                      const NoiseModel* noise) {
  const std::vector<double> sigma = karras_levels(o.sigma_max, o.sigma_min, o.levels);
  MatrixXd x_t = starting_noise(denoiser.dimension(), sigma[0], o.seed, first, count);
  DkpsDraws draws;
  draws.levels.resize(sigma.size());
  if (noise) draws.noise.resize(std::size_t(count));
  const DataOfChain data_of = [&](Index n) -> const WhitenedData& {
    return noise && draws.noise[std::size_t(n)].data ? *draws.noise[std::size_t(n)].data : data;
  };
  for (std::size_t k = 0; k < sigma.size(); ++k) {
    draws.x = draws_given(conditional, data_of, x_t, denoiser.mean(x_t, sigma[k]), k, sigma[k],
                          first, o, &draws.levels[k]);
    if (noise)
      parallel_for(count, [&](std::int64_t n) {
        ChainNumbers numbers(o.seed, first + n, std::int64_t(k), Purpose::posterior_noise);
        ChainNoise& mine = draws.noise[std::size_t(n)];
        mine = noise->draw(draws.x.col(n), mine, numbers);
      });
    if (k + 1 < sigma.size())
      x_t = draws.x + sigma[k + 1] * chain_normals(x_t.rows(), first, count, o.seed,
                                                   std::int64_t(k), Purpose::sampler_step);
    if (level_done) level_done();
  }
  return draws;
}

} // namespace lookback::tools
