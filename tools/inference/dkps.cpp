#include "tools/inference/dkps.hpp"

#include "engine/parallel.hpp"
#include "tools/inference/chain_numbers.hpp"

#include <Eigen/Cholesky>

#include <cmath>

namespace lookback::tools {

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;

namespace {

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

} // namespace

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
  conditional.prepare(sigma);
  MatrixXd x(x_t.rows(), x_t.cols());
  std::vector<OneDraw> reports{std::size_t(x_t.cols())};
  parallel_for(x_t.cols(), [&](std::int64_t n) {
    ChainNumbers numbers(o.seed, first + n, std::int64_t(level), Purpose::posterior_draw);
    const auto parts = conditional.parts(x_t.col(n), sigma, mean.col(n));
    std::vector<Peak> peaks;
    for (const ConditionalPart& part : parts) peaks.emplace_back(data, part, o.newton_steps);
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

DkpsDraws sample_dkps(const Denoiser& denoiser, ConditionalPrior& conditional,
                      const WhitenedData& data, std::int64_t first, std::int64_t count,
                      const DkpsOptions& o, const std::function<void()>& level_done) {
  const std::vector<double> sigma = karras_levels(o.sigma_max, o.sigma_min, o.levels);
  MatrixXd x_t = starting_noise(denoiser.dimension(), sigma[0], o.seed, first, count);
  DkpsDraws draws;
  draws.levels.resize(sigma.size());
  for (std::size_t k = 0; k < sigma.size(); ++k) {
    draws.x = conditional_draws(conditional, data, x_t, denoiser.mean(x_t, sigma[k]), k, sigma[k],
                                first, o, &draws.levels[k]);
    if (k + 1 < sigma.size()) {
      static const double q = getenv("QQ") ? atof(getenv("QQ")) : 1e9, cut = getenv("CUT") ? atof(getenv("CUT")) : 1e9;
      const double rho = sigma[k] > cut ? 0 : std::pow(sigma[k + 1] / sigma[k], q);
      x_t = draws.x + sigma[k + 1] * (rho / sigma[k] * (x_t - draws.x) + std::sqrt(1 - rho * rho) * chain_normals(x_t.rows(), first, count, o.seed,
                                                   std::int64_t(k), Purpose::sampler_step));
    }
    if (level_done) level_done();
  }
  return draws;
}

} // namespace lookback::tools
