#include "tools/inference/latent_space.hpp"

#include "engine/parallel.hpp"

#include <Eigen/LU>
#include <Eigen/SVD>

#include <algorithm>
#include <cmath>

namespace lookback::tools {

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;

std::vector<MatrixXd> LatentSpace::pull_back(const MatrixXd& x, const FlowMap::Path& path,
                                             const std::vector<MatrixXd>& u) const {
  Index most = 0; // columns of a chain; those with fewer are filled up with zeros
  for (const MatrixXd& each : u) most = std::max(most, each.cols());
  MatrixXd of_x = MatrixXd::Zero(x.rows(), most * x.cols());
  parallel_for(x.cols(), [&](std::int64_t n) {
    const MatrixXd& each = u[std::size_t(n)];
    of_x.middleCols(n * most, each.cols()) = data_.jacobian(x.col(n)).transpose() * each;
  });
  const MatrixXd of_z = map_.pull_back(path, of_x);
  std::vector<MatrixXd> result;
  for (Index n = 0; n < x.cols(); ++n)
    result.push_back(of_z.middleCols(n * most, u[std::size_t(n)].cols()));
  return result;
}

LatentCoordinates LatentSpace::coordinates(const LatentFrame& f, const VectorXd& z,
                                           const VectorXd& x) const {
  const VectorXd along = f.latent.transpose() * z;
  return {z - f.latent * along,
          along - f.strength.cwiseProduct(f.data.transpose() * data_.residual(x))};
}

LatentFrames LatentSpace::frames(const MatrixXd& z) const {
  constexpr double negligible = 0.1; // of |J0 u|, beside the 1 of N(0, 1)
  FlowMap::Path path;
  const MatrixXd x = map_.forward(z, &path);
  std::vector<MatrixXd> strong; // directions of the data in which x matters; x(z) hardly stretches
  for (Index n = 0; n < z.cols(); ++n) {
    const Eigen::JacobiSVD<MatrixXd> svd(data_.jacobian(x.col(n)), Eigen::ComputeThinU);
    const Index kept = (svd.singularValues().array() > 0.3 * negligible).count();
    strong.push_back(svd.matrixU().leftCols(std::max<Index>(kept, 1)));
  }
  const std::vector<MatrixXd> of_z = pull_back(x, path, strong);
  LatentFrames frames;
  for (std::size_t n = 0; n < strong.size(); ++n) {
    const Eigen::JacobiSVD<MatrixXd> svd(of_z[n], Eigen::ComputeThinU | Eigen::ComputeThinV);
    const Index k = std::max<Index>((svd.singularValues().array() > negligible).count(), 1);
    const VectorXd s = svd.singularValues().head(k);
    frames.push_back(std::make_shared<const LatentFrame>(
        LatentFrame{strong[n] * svd.matrixV().leftCols(k), svd.matrixU().leftCols(k), s,
                    s.unaryExpr([](double each) { return std::hypot(1, each); })}));
  }
  return frames;
}

std::vector<LatentPoint> LatentSpace::points(const LatentFrames& frames, const MatrixXd& z) const {
  FlowMap::Path path;
  const MatrixXd x = map_.forward(z, &path);
  std::vector<MatrixXd> u;
  for (const auto& f : frames) u.push_back(f->data);
  const std::vector<MatrixXd> pulled = pull_back(x, path, u);
  std::vector<LatentPoint> points;
  for (Index n = 0; n < z.cols(); ++n) {
    const auto& f = frames[std::size_t(n)];
    LatentPoint p{f, z.col(n), x.col(n), coordinates(*f, z.col(n), x.col(n)), {}, {}, 0};
    p.slope = f->strength.asDiagonal() * pulled[std::size_t(n)].transpose();
    const Eigen::PartialPivLU<MatrixXd> square(MatrixXd::Identity(p.slope.rows(), p.slope.rows()) +
                                               p.slope * f->latent);
    p.inverse_square = square.inverse();
    const VectorXd along = f->latent.transpose() * p.z; // z across is the same in z and eta
    p.log_weight = 0.5 * (p.at.along.cwiseQuotient(f->width).squaredNorm() - along.squaredNorm() -
                          data_.residual(p.x).squaredNorm());
    for (const double pivot : square.matrixLU().diagonal())
      p.log_weight -= std::log(std::abs(pivot));
    points.push_back(std::move(p));
  }
  return points;
}

namespace {

// One chain on its way.
struct Walk {
  std::size_t chain;
  VectorXd p;             // V^T z
  LatentCoordinates goal; // at present
  MatrixXd inverse;       // of d along/dp
  VectorXd step, miss;    // the last ones; no miss yet at a new goal
};

// Broyden's better formula for the inverse.
void learn(MatrixXd& inverse, const VectorXd& step, const VectorXd& change) {
  const VectorXd expected = inverse * change;
  const double scale = step.dot(expected);
  if (scale != 0) inverse += (step - expected) * (step.transpose() * inverse) / scale;
}

// Towards a new goal, by the derivatives at the start and what was learned on the way.
void turn(Walk& w, const LatentPoint& start, const LatentCoordinates& end, double share) {
  const LatentCoordinates goal{start.at.across + share * (end.across - start.at.across),
                               start.at.along + share * (end.along - start.at.along)};
  w.step = w.inverse * (goal.along - w.goal.along - start.slope * (goal.across - w.goal.across));
  w.p += w.step;
  w.goal = goal;
  w.miss.resize(0);
}

// After a step that missed the goal by so much.
void correct(Walk& w, const VectorXd& miss) {
  if (w.miss.size() > 0) learn(w.inverse, w.step, miss - w.miss);
  w.miss = miss;
  w.step = -w.inverse * miss;
  w.p += w.step;
}

} // namespace

std::vector<VectorXd> LatentSpace::follow(const std::vector<LatentPoint>& from,
                                          const std::vector<LatentCoordinates>& to) const {
  constexpr int stages = 3, most_steps = 12;   // of each stage
  constexpr double rough = 10, hopeless = 1e6; // in eta; rough: at all stages but the last
  std::vector<VectorXd> found(from.size());
  std::vector<Walk> walks;
  for (std::size_t n = 0; n < from.size(); ++n)
    walks.push_back({n,
                     from[n].frame->latent.transpose() * from[n].z,
                     from[n].at,
                     from[n].inverse_square,
                     {},
                     {}});
  for (int stage = 1; stage <= stages; ++stage) {
    for (Walk& w : walks) turn(w, from[w.chain], to[w.chain], stage / double(stages));
    std::vector<Walk> arrived;
    for (int step = 0; step < most_steps && !walks.empty(); ++step) {
      MatrixXd z(map_.dimension(), Index(walks.size()));
      for (Index i = 0; i < z.cols(); ++i) {
        const Walk& w = walks[std::size_t(i)];
        z.col(i) = w.goal.across + from[w.chain].frame->latent * w.p;
      }
      const MatrixXd x = map_.forward(z);
      std::vector<Walk> going;
      for (Index i = 0; i < z.cols(); ++i) {
        Walk& w = walks[std::size_t(i)];
        const LatentFrame& f = *from[w.chain].frame;
        const VectorXd miss = coordinates(f, z.col(i), x.col(i)).along - w.goal.along;
        const double error = miss.cwiseQuotient(f.width).cwiseAbs().maxCoeff();
        if (!(error < hopeless)) continue; // also where it is not a number
        if (stage == stages && error < tolerance) {
          found[w.chain] = z.col(i);
          continue;
        }
        correct(w, miss);
        (stage < stages && error < rough ? arrived : going).push_back(std::move(w));
      }
      walks = std::move(going);
    }
    walks = std::move(arrived);
  }
  return found;
}

MatrixXd LatentSpace::start(const MatrixXd& x, int newton_steps) const {
  constexpr double negligible = 0.1; // of |r|^2
  const MatrixXd inverse = map_.inverse(x);
  require(inverse.allFinite(), "latent: a value of the flow map's inverse is not finite");
  const auto cost_at = [&](const MatrixXd& z) {
    const MatrixXd x = map_.forward(z);
    VectorXd cost = (z - inverse).colwise().squaredNorm().transpose();
    for (Index n = 0; n < z.cols(); ++n) cost[n] += data_.residual(x.col(n)).squaredNorm();
    return cost;
  };
  MatrixXd z = inverse;
  VectorXd cost = cost_at(z);
  std::vector<bool> done(std::size_t(z.cols()), false);
  for (int step = 0; step < newton_steps; ++step) {
    const LatentFrames all = frames(z);
    const MatrixXd at = map_.forward(z);
    MatrixXd towards(z.rows(), z.cols());
    for (Index n = 0; n < z.cols(); ++n) {
      const LatentFrame& f = *all[std::size_t(n)];
      const VectorXd moved = z.col(n) - inverse.col(n);
      const VectorXd along = f.data.transpose() * data_.residual(at.col(n)) +
                             f.strength.cwiseProduct(f.latent.transpose() * moved);
      const VectorXd share = f.strength.cwiseQuotient(f.width).cwiseQuotient(f.width);
      towards.col(n) = f.latent * share.cwiseProduct(along) - moved;
    }
    const VectorXd before = cost;
    for (double length = 1; length > 0.01; length /= 4) {
      const MatrixXd next = z + length * towards;
      const VectorXd here = cost_at(next);
      for (Index n = 0; n < z.cols(); ++n) {
        if (done[std::size_t(n)] || cost[n] < before[n] || !(here[n] < cost[n])) continue;
        z.col(n) = next.col(n);
        cost[n] = here[n];
      }
    }
    for (Index n = 0; n < z.cols(); ++n)
      if (!(cost[n] < before[n] - negligible)) done[std::size_t(n)] = true;
    if (std::find(done.begin(), done.end(), false) == done.end()) break;
  }
  return z;
}

} // namespace lookback::tools
