#include "tools/inference/dkps.hpp"

#include "engine/parallel.hpp"
#include "tools/inference/chain_numbers.hpp"

#include <Eigen/Cholesky>
#include <Eigen/Eigenvalues>
#include <Eigen/LU>

#include <cmath>

namespace lookback::tools {

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;

namespace {

// A point of one of the peaks, and how much likelier it is than it is proposed.
struct Point {
  VectorXd x;
  double log_ratio = -INFINITY;
};

// The density of e ~ N(0, 1) times the likelihood of x = m + L e, and proposals from about its
// maximum e*. The data confine e to a thin curved sheet, which a Gaussian at e* leaves. With
// dS/de = U s V^T at e*, the coordinates across = e - V V^T e and
//   along = (V^T e - s U^T (y - S))/w,  w^2 = 1 + s^2,
// straighten it (randomize-then-optimize: Bardsley et al. 2014, SIAM J. Sci. Comput. 36, A1895): a
// proposal is the e of normal numbers across and along, found by Newton's method in the few
// directions V. For linear S that is the Gaussian at e*, and the density itself.
class Peak {
public:
  Peak(const WhitenedData& data, const ConditionalPart& part, int newton_steps)
      : data_(data), part_(part), mode_(VectorXd::Zero(part.mean.size())) {
    VectorXd residual = data_.residual(part.mean);
    cost_ = 0.5 * residual.squaredNorm();
    MatrixXd j; // dS/de, [size, D]
    for (int step = 0;; ++step) {
      j = data_.jacobian(x(mode_)) * part_.factor->triangularView<Eigen::Lower>();
      MatrixXd gram = MatrixXd::Identity(j.rows(), j.rows());
      gram.selfadjointView<Eigen::Lower>().rankUpdate(j);
      const Eigen::LLT<MatrixXd> llt(gram.selfadjointView<Eigen::Lower>());
      if (step == newton_steps) break;
      const VectorXd towards = j.transpose() * llt.solve(residual + j * mode_) - mode_;
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
    straighten(j);
  }

  // ln of the part's weight times the integral of its density, by Laplace's approximation.
  double log_evidence() const {
    return std::log(part_.weight) - cost_ - width_.array().log().sum();
  }
  // (|y - S|^2 + |e|^2)/size at e*, for linear S the square of y - S(m) in its own standard
  // deviations: how hard the data pull at what the prior expects.
  double pull() const { return 2 * cost_ / double(data_.size()); }

  Point propose(ChainNumbers& numbers) const {
    const VectorXd z = numbers.normal(mode_.size()), along = numbers.normal(strength_.size());
    const VectorXd across = z - latent_ * (latent_.transpose() * z);
    const VectorXd start = x(across);
    VectorXd a = latent_.transpose() * mode_ + along.cwiseQuotient(width_);
    VectorXd residual = data_.residual(start + latent_x_ * a), off = miss(a, residual, along);
    for (int step = 0; step < most_steps; ++step) {
      const Eigen::PartialPivLU<MatrixXd> slope(this->slope(start + latent_x_ * a));
      const double before = off.squaredNorm();
      if (before < tolerance * tolerance) {
        const VectorXd e = across + latent_ * a;
        // Determinants relative to the evidence, where the slope is w.
        const double det =
            slope.matrixLU().diagonal().array().abs().log().sum() - width_.array().log().sum();
        return {start + latent_x_ * a,
                cost_ - det +
                    0.5 * (across.squaredNorm() + (along + off).squaredNorm() - e.squaredNorm() -
                           residual.squaredNorm())};
      }
      const VectorXd towards = -slope.solve(off);
      double length = 1;
      for (; length > 1e-3; length /= 2) {
        const VectorXd next = a + length * towards, r = data_.residual(start + latent_x_ * next),
                       o = miss(next, r, along);
        if (!(o.squaredNorm() < before)) continue; // also where it is not a number
        a = next;
        residual = r;
        off = o;
        break;
      }
      if (length <= 1e-3) break;
    }
    return {start + latent_x_ * a};
  }

private:
  static constexpr double negligible = 1e-3; // of a log density
  static constexpr double tolerance = 1e-4;  // of a coordinate of standard deviation 1
  static constexpr int most_steps = 30;

  VectorXd x(const VectorXd& e) const {
    return part_.mean + part_.factor->triangularView<Eigen::Lower>() * e;
  }

  void straighten(const MatrixXd& j) {
    constexpr double least = 1e-3; // of s: below, the data say nothing
    const Eigen::SelfAdjointEigenSolver<MatrixXd> eigen(j * j.transpose());
    const Index k = (eigen.eigenvalues().array() > least * least).count();
    strength_ = eigen.eigenvalues().tail(k).cwiseSqrt();
    width_ = (1 + strength_.array().square()).sqrt();
    data_axes_ = eigen.eigenvectors().rightCols(k);
    latent_ = j.transpose() * data_axes_ * strength_.cwiseInverse().asDiagonal();
    latent_x_ = part_.factor->triangularView<Eigen::Lower>() * latent_;
  }
  // What is left of the equations for a = V^T e.
  VectorXd miss(const VectorXd& a, const VectorXd& residual, const VectorXd& along) const {
    return (a - strength_.cwiseProduct(data_axes_.transpose() * residual)).cwiseQuotient(width_) -
           along;
  }
  MatrixXd slope(const VectorXd& x) const { // of miss by a, [k, k]
    MatrixXd g = strength_.cwiseQuotient(width_).asDiagonal() *
                 (data_axes_.transpose() * (data_.jacobian(x) * latent_x_));
    g.diagonal() += width_.cwiseInverse();
    return g;
  }

  const WhitenedData& data_;
  const ConditionalPart& part_;
  VectorXd mode_;
  double cost_;
  VectorXd strength_, width_;              // s and w, [k]
  MatrixXd data_axes_, latent_, latent_x_; // U, V and L V
};

Point propose(const std::vector<Peak>& peaks, const VectorXd& share, ChainNumbers& numbers) {
  const double u = numbers.uniform();
  std::size_t k = 0;
  for (double sum = share[0]; k + 1 < peaks.size() && u > sum; sum += share[Index(++k)]) {
  }
  return peaks[k].propose(numbers);
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
