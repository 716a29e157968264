#include "tools/inference/latent.hpp"

#include "tools/inference/chain_numbers.hpp"

#include <algorithm>
#include <cmath>
#include <optional>

namespace lookback::tools {

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;

namespace {

LatentCoordinates proposed(const LatentPoint& p, double b, const VectorXd& w) {
  const LatentFrame& f = *p.frame;
  const double keep = std::sqrt(1 - b * b);
  const VectorXd along = f.latent.transpose() * w;
  return {keep * p.at.across + b * (w - f.latent * along),
          keep * p.at.along + b * f.width.cwiseProduct(along)};
}

// Where the chains go if they are accepted; nothing where there is no way, or no way back.
std::vector<std::optional<LatentPoint>> moved(const LatentSpace& space,
                                              const std::vector<LatentPoint>& at,
                                              const std::vector<LatentCoordinates>& to) {
  const std::vector<VectorXd> found = space.follow(at, to);
  std::vector<std::size_t> chains;
  for (std::size_t n = 0; n < at.size(); ++n)
    if (found[n].size() > 0) chains.push_back(n);
  std::vector<std::optional<LatentPoint>> result(at.size());
  if (chains.empty()) return result;
  MatrixXd z(at[0].z.size(), Index(chains.size()));
  LatentFrames frames;
  std::vector<LatentCoordinates> origin;
  for (std::size_t i = 0; i < chains.size(); ++i) {
    z.col(Index(i)) = found[chains[i]];
    frames.push_back(at[chains[i]].frame);
    origin.push_back(at[chains[i]].at);
  }
  std::vector<LatentPoint> points = space.points(frames, z);
  const std::vector<VectorXd> back = space.follow(points, origin);
  for (std::size_t i = 0; i < chains.size(); ++i) {
    constexpr double apart = 100 * LatentSpace::tolerance; // another sheet
    if (back[i].size() == 0) continue;
    const VectorXd off = frames[i]->latent.transpose() * (back[i] - at[chains[i]].z);
    if (off.cwiseProduct(frames[i]->width).cwiseAbs().maxCoeff() < apart)
      result[chains[i]] = std::move(points[i]);
  }
  return result;
}

double logistic(double x) {
  return 1 / (1 + std::exp(-x));
}

} // namespace

LatentDraws latent_moves(const LatentSpace& space, const MatrixXd& z, std::int64_t first,
                         const LatentOptions& o, const std::function<void(const MatrixXd&)>& kept,
                         const std::function<void()>& move_done) {
  constexpr double wanted = 0.5;
  constexpr int most_frames = 4, turn = 5; // moves in a frame, in the second half
  const std::size_t chains = std::size_t(z.cols());
  const int tuned = o.moves / 2;
  const int segment = std::max(1, (tuned + most_frames - 1) / most_frames);
  std::vector<LatentFrames> frames;
  std::vector<LatentPoint> at;
  std::vector<double> logit_b(chains, std::log(o.first_b / (1 - o.first_b)));
  LatentDraws draws;
  draws.x.resize(z.rows(), z.cols());
  draws.z = z;
  for (int move = 0; move < o.moves; ++move) {
    if (move == 0 || (move < tuned && move % segment == 0)) {
      frames.push_back(space.frames(draws.z));
      at = space.points(frames.back(), draws.z);
    } else if (move >= tuned && (move - tuned) % turn == 0) {
      at = space.points(frames[std::size_t((move - tuned) / turn) % frames.size()], draws.z);
    }
    const MatrixXd w =
        chain_normals(z.rows(), first, z.cols(), o.seed, move, Purpose::posterior_move);
    std::vector<LatentCoordinates> to;
    for (std::size_t n = 0; n < chains; ++n)
      to.push_back(proposed(at[n], logistic(logit_b[n]), w.col(Index(n))));
    std::vector<std::optional<LatentPoint>> next = moved(space, at, to);
    for (std::size_t n = 0; n < chains; ++n) {
      const double log_ratio = next[n] ? next[n]->log_weight - at[n].log_weight : -INFINITY;
      // 0 where the ratio is not a number.
      const double chance = log_ratio > -700 ? std::min(1.0, std::exp(log_ratio)) : 0;
      // Robbins-Monro
      if (move < tuned) logit_b[n] += 2 * (chance - wanted) / std::sqrt(1.0 + move);
      ChainNumbers numbers(o.seed, first + std::int64_t(n), move, Purpose::posterior_accept);
      if (numbers.uniform() < chance) {
        at[n] = std::move(*next[n]);
        if (move >= tuned) draws.accepted += 1 / double(chains) / double(o.moves - tuned);
      }
      draws.x.col(Index(n)) = at[n].x;
      draws.z.col(Index(n)) = at[n].z;
    }
    if (move >= tuned && kept) kept(draws.x);
    if (move_done) move_done();
  }
  for (const double logit : logit_b) draws.b += logistic(logit) / double(chains);
  require(draws.x.allFinite(), "latent: a value is not finite");
  return draws;
}

} // namespace lookback::tools
