#include "tools/inference/langevin.hpp"

#include "engine/parallel.hpp"
#include "tools/inference/chain_numbers.hpp"

#include <Eigen/Cholesky>
#include <Eigen/Eigenvalues>

#include <algorithm>
#include <cmath>

namespace lookback::tools {

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;

namespace {

struct State {
  MatrixXd x, score;             // of the prior
  MatrixXd gradient;             // of the log likelihood
  Eigen::ArrayXd log_likelihood; // a chain
};

void add_data(const WhitenedData& data, State& s) {
  s.gradient.resize(s.x.rows(), s.x.cols());
  s.log_likelihood.resize(s.x.cols());
  parallel_for(s.x.cols(), [&](std::int64_t n) {
    const VectorXd x = s.x.col(n), residual = data.residual(x);
    s.log_likelihood[n] = -0.5 * residual.squaredNorm();
    s.gradient.col(n) = data.jacobian(x).transpose() * residual;
  });
}

} // namespace

LangevinDraws langevin_moves(const Denoiser& denoiser, const WhitenedData& data, const MatrixXd& x,
                             const std::vector<MatrixXd>& covariances, std::int64_t first,
                             const LangevinOptions& o,
                             const std::function<void(const MatrixXd&)>& kept,
                             const std::function<void()>& move_done) {
  constexpr double wanted = 0.57;
  require(covariances.size() == std::size_t(x.cols()), "langevin: ", covariances.size(),
          " covariances for ", x.cols(), " chains");
  std::vector<MatrixXd> factors;
  for (const MatrixXd& covariance : covariances) {
    const Eigen::LLT<MatrixXd> llt(covariance);
    require(llt.info() == Eigen::Success, "langevin: a covariance is not positive definite");
    factors.push_back(llt.matrixL());
  }
  const auto score = [&](const MatrixXd& at) -> MatrixXd {
    return (denoiser.mean(at, o.sigma) - at) / (o.sigma * o.sigma);
  };
  const auto drift = [&](const State& s) {
    MatrixXd d(x.rows(), x.cols());
    parallel_for(x.cols(), [&](std::int64_t n) {
      d.col(n) = covariances[std::size_t(n)] * (s.score.col(n) + s.gradient.col(n));
    });
    return d;
  };
  State at{x, score(x), {}, {}};
  add_data(data, at);
  LangevinDraws draws;
  Eigen::ArrayXd log_h = Eigen::ArrayXd::Constant(x.cols(), std::log(o.first_h));
  const int tuned = o.moves / 2;
  for (int move = 0; move < o.moves; ++move) {
    const VectorXd root_h = (0.5 * log_h).exp();
    const MatrixXd z =
        chain_normals(x.rows(), first, x.cols(), o.seed, move, Purpose::posterior_move);
    MatrixXd kick(x.rows(), x.cols());
    parallel_for(x.cols(), [&](std::int64_t n) {
      kick.col(n) = factors[std::size_t(n)].triangularView<Eigen::Lower>() * z.col(n);
    });
    const MatrixXd step =
        drift(at) * (0.5 * root_h.cwiseAbs2()).asDiagonal() + kick * root_h.asDiagonal();
    State next{at.x + step, score(at.x + step), {}, {}};
    add_data(data, next);
    const MatrixXd simpson = (at.score + 4 * score(at.x + 0.5 * step) + next.score) / 6;
    MatrixXd back =
        step * root_h.cwiseInverse().asDiagonal() + drift(next) * (0.5 * root_h).asDiagonal();
    parallel_for(x.cols(), [&](std::int64_t n) {
      factors[std::size_t(n)].triangularView<Eigen::Lower>().solveInPlace(back.col(n));
    });
    const Eigen::ArrayXd log_ratio =
        (simpson.array() * step.array()).colwise().sum().transpose() + next.log_likelihood -
        at.log_likelihood +
        0.5 * (z.colwise().squaredNorm() - back.colwise().squaredNorm()).transpose().array();
    for (Index n = 0; n < x.cols(); ++n) {
      // 0 where the ratio is not a number.
      const double chance = log_ratio[n] > -700 ? std::min(1.0, std::exp(log_ratio[n])) : 0;
      ChainNumbers numbers(o.seed, first + n, move, Purpose::posterior_accept);
      if (move < tuned) log_h[n] += (chance - wanted) / std::pow(1.0 + move, 0.6); // Robbins-Monro
      if (!(numbers.uniform() < chance)) continue;
      at.x.col(n) = next.x.col(n);
      at.score.col(n) = next.score.col(n);
      at.gradient.col(n) = next.gradient.col(n);
      at.log_likelihood[n] = next.log_likelihood[n];
      if (move >= tuned) draws.accepted += 1 / double(x.cols() * (o.moves - tuned));
    }
    if (move >= tuned && kept) kept(at.x);
    if (move_done) move_done();
  }
  require(at.x.allFinite(), "langevin: a value is not finite");
  draws.x = at.x;
  return draws;
}

MatrixXd local_covariance(const Denoiser& denoiser, const WhitenedData& data, const VectorXd& x,
                          double sigma) {
  constexpr double widest = 100;
  const double variance = sigma * sigma;
  const Eigen::SelfAdjointEigenSolver<MatrixXd> eigen(denoiser.jacobian(x, sigma));
  const Eigen::ArrayXd precision =
      ((1 - eigen.eigenvalues().array()) / variance).max(1 / widest).min(1 / variance);
  const MatrixXd root = eigen.eigenvectors() * precision.rsqrt().matrix().asDiagonal();
  const MatrixXd b = data.jacobian(x) * root;
  const MatrixXd inner = MatrixXd::Identity(x.size(), x.size()) + b.transpose() * b;
  const MatrixXd c = root * inner.llt().solve(root.transpose());
  return 0.5 * (c + c.transpose());
}

namespace {

double mean_of(std::span<const double> v) {
  double sum = 0;
  for (const double each : v) sum += each;
  return sum / double(v.size());
}
double variance_of(std::span<const double> v) {
  const double mean = mean_of(v);
  double sum = 0;
  for (const double each : v) sum += (each - mean) * (each - mean);
  return sum / double(v.size() - 1);
}

// Mean variance within chains, and variance of everything by BDA3 (11.3).
struct Variances {
  double within, total;
};
Variances variances(const std::vector<std::span<const double>>& chains) {
  std::vector<double> means, within;
  for (const auto& chain : chains) {
    means.push_back(mean_of(chain));
    within.push_back(variance_of(chain));
  }
  const double n = double(chains[0].size()), w = mean_of(within);
  return {w, (n - 1) / n * w + variance_of(means)};
}

void check(const std::vector<std::vector<double>>& values) {
  require(values.size() >= 2 && values[0].size() >= 4, "diagnostics: ", values.size(),
          " chains; expected at least 2, of at least 4 moves");
}

} // namespace

double split_r_hat(const std::vector<std::vector<double>>& values) {
  check(values);
  std::vector<std::span<const double>> halves;
  const std::size_t half = values[0].size() / 2;
  for (const auto& chain : values) {
    halves.push_back(std::span(chain).first(half));
    halves.push_back(std::span(chain).last(half));
  }
  const Variances v = variances(halves);
  return v.within > 0 ? std::sqrt(v.total / v.within) : (v.total > 0 ? INFINITY : 1);
}

double effective_draws(const std::vector<std::vector<double>>& values) {
  check(values);
  const std::size_t chains = values.size(), n = values[0].size();
  const Variances v = variances({values.begin(), values.end()});
  if (!(v.within > 0)) return 0; // no chain has moved
  const auto correlation = [&](std::size_t lag) {
    double sum = 0;
    for (const auto& chain : values) {
      const double mean = mean_of(chain);
      for (std::size_t i = 0; i + lag < n; ++i) sum += (chain[i] - mean) * (chain[i + lag] - mean);
    }
    return 1 - (v.within - sum / double(chains * n)) / v.total;
  };
  double time = -1, least = INFINITY; // integrated autocorrelation
  for (std::size_t lag = 0; lag + 1 < n; lag += 2) {
    const double pair = lag == 0 ? 1 + correlation(1) : correlation(lag) + correlation(lag + 1);
    if (pair < 0) break;
    least = std::min(least, pair);
    time += 2 * least;
  }
  return double(chains * n) / std::max(time, 1 / std::log10(double(chains * n)));
}

} // namespace lookback::tools
