#include "tools/inference/dkps.hpp"

#include "engine/parallel.hpp"
#include "tools/inference/peak.hpp"

#include <chrono>
#include <cmath>

namespace lookback::tools {

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;

namespace {

using Clock = std::chrono::steady_clock;

struct OneDraw {
  int accepted = 0; // moves
  double pull = 0;  // of the peak with the largest share
};

// One of the peaks by its share, a point of it, and a number that decides whether a chain moves
// there.
struct Proposal {
  double decision;
  Peak::Point point;

  Proposal(const std::vector<Peak>& peaks, const VectorXd& share, ChainNumbers numbers)
      : decision(numbers.uniform()), point(peak(peaks, share, numbers.uniform()).propose(numbers)) {
  }

  static const Peak& peak(const std::vector<Peak>& peaks, const VectorXd& share, double u) {
    std::size_t k = 0;
    for (double sum = share[0]; k + 1 < peaks.size() && u > sum; sum += share[Index(++k)]) {
    }
    return peaks[k];
  }
};

// Proposal m has the numbers of object m, whatever the others took: a device makes all at once.
VectorXd draw(const std::vector<Peak>& peaks, int moves, ChainNumbers numbers, OneDraw& report) {
  VectorXd share(Index(peaks.size()));
  for (std::size_t k = 0; k < peaks.size(); ++k) share[Index(k)] = peaks[k].log_evidence();
  share = (share.array() - share.maxCoeff()).exp();
  Index likeliest = 0;
  share.maxCoeff(&likeliest);
  report.pull = peaks[std::size_t(likeliest)].pull();
  share /= share.sum();
  Peak::Point at = Proposal(peaks, share, numbers).point;
  for (int move = 1; move <= moves; ++move) {
    numbers.stream.object = std::uint32_t(move);
    const Proposal to(peaks, share, numbers);
    // A first point where the density is not finite is left for any other.
    if (!(std::log(to.decision) < to.point.log_ratio - at.log_ratio ||
          !std::isfinite(at.log_ratio)))
      continue;
    at = to.point;
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
    const ChainNumbers numbers(o.seed, first + n, std::int64_t(level), Purpose::posterior_draw);
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
    const auto start = Clock::now();
    const MatrixXd mean = denoiser.mean(x_t, sigma[k]);
    draws.network_seconds += std::chrono::duration<double>(Clock::now() - start).count();
    draws.x = draws_given(conditional, data_of, x_t, mean, k, sigma[k], first, o, &draws.levels[k]);
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
