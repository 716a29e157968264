#include "tools/inference/peak.hpp"

#include "tools/inference/peak_numbers.hpp"

#include <Eigen/Cholesky>
#include <Eigen/LU>

#include <cmath>
#include <optional>
#include <vector>

namespace lookback::tools {

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;

namespace {

using namespace peak_numbers;

// ln |product of all values|.
double log_product(const VectorXd& values) {
  double sum = 0;
  for (const double value : values) sum += std::log(std::abs(value));
  return sum;
}

// V [D, k], orthonormal: the rows of j [S, D] but for what is no longer than `least`, or any one
// direction where that is all. Of what is left of the rows the longest is taken in turn (pivoted
// Cholesky factor of j j^T). Rows of a large matrix hold much of each other, so V from that factor
// alone would lose its right angles to rounding; a second factor restores them (Fukaya et al. 2014,
// CholeskyQR2).
MatrixXd row_space(const MatrixXd& j, double least) {
  const MatrixXd gram = j * j.transpose();
  const Index S = j.rows();
  MatrixXd c(S, S);
  VectorXd left = gram.diagonal();
  std::vector<Index> taken;
  for (Index p = 0, k = 0; k < S && left.maxCoeff(&p) > least * least; ++k) {
    c.col(k) = (gram.col(p) - c.leftCols(k) * c.row(p).head(k).transpose()) / std::sqrt(left[p]);
    left -= c.col(k).cwiseAbs2();
    left[p] = 0;
    taken.push_back(p);
  }
  if (taken.empty()) return MatrixXd::Identity(j.cols(), 1);
  const auto k = Index(taken.size());
  const MatrixXd factor = c(taken, Eigen::seqN(0, k)),
                 v = factor.triangularView<Eigen::Lower>().solve(MatrixXd(j(taken, Eigen::all)));
  return (v * v.transpose()).llt().matrixL().solve(v).transpose();
}

} // namespace

Peak::Peak(const WhitenedData& data, const ConditionalPart& part, int newton_steps)
    : data_(data), part_(part), mode_(VectorXd::Zero(part.mean.size())) {
  straighten(climb(newton_steps));
}

VectorXd Peak::x(const VectorXd& e) const {
  return part_.mean + part_.factor->triangularView<Eigen::Lower>() * e;
}

MatrixXd Peak::climb(int newton_steps) {
  VectorXd residual = data_.residual(part_.mean);
  cost_ = 0.5 * residual.squaredNorm();
  for (int step = 0;; ++step) {
    MatrixXd j = data_.jacobian(x(mode_)) * part_.factor->triangularView<Eigen::Lower>();
    if (step == newton_steps) return j;
    MatrixXd gram = MatrixXd::Identity(j.rows(), j.rows());
    gram.selfadjointView<Eigen::Lower>().rankUpdate(j);
    const Eigen::LLT<MatrixXd> llt(gram);
    const VectorXd towards = j.transpose() * llt.solve(residual + j * mode_) - mode_;
    const double before = cost_;
    for (double length = 1; length > shortest_step && cost_ == before; length /= 2) {
      const VectorXd e = mode_ + length * towards, r = data_.residual(x(e));
      const double here = 0.5 * (r.squaredNorm() + e.squaredNorm());
      if (!(here < cost_)) continue; // also where it is not a number
      mode_ = e;
      residual = r;
      cost_ = here;
    }
    if (cost_ == before) return j;
    if (before - cost_ < negligible) newton_steps = step + 1;
  }
}

void Peak::straighten(const MatrixXd& j) {
  latent_ = row_space(j, least_strength);
  latent_x_ = part_.factor->triangularView<Eigen::Lower>() * latent_;
  data_by_latent_ = j * latent_;
  MatrixXd square = MatrixXd::Identity(latent_.cols(), latent_.cols());
  square.selfadjointView<Eigen::Lower>().rankUpdate(data_by_latent_.transpose());
  width_ = square.llt().matrixL();
}

double Peak::log_evidence() const {
  return std::log(part_.weight) - cost_ - log_product(width_.diagonal());
}

VectorXd Peak::miss(const VectorXd& a, const VectorXd& residual, const VectorXd& along) const {
  return width_.triangularView<Eigen::Lower>().solve(a - data_by_latent_.transpose() * residual) -
         along;
}

MatrixXd Peak::slope(const VectorXd& x) const {
  MatrixXd g = data_by_latent_.transpose() * (data_.jacobian(x) * latent_x_);
  g.diagonal().array() += 1;
  width_.triangularView<Eigen::Lower>().solveInPlace(g);
  return g;
}

Peak::Point Peak::propose(ChainNumbers& numbers) const {
  using Slope = Eigen::PartialPivLU<MatrixXd>;
  const VectorXd z = numbers.normal(mode_.size()), along = numbers.normal(width_.rows());
  const VectorXd across = z - latent_ * (latent_.transpose() * z), start = x(across);
  std::optional<Slope> recent; // none: that at the maximum, W^T
  bool fresh = false;          // `recent` is the slope at a
  const auto step_to = [&](const VectorXd& off) -> VectorXd {
    if (recent) return recent->solve(off);
    return width_.triangularView<Eigen::Lower>().transpose().solve(off);
  };
  VectorXd a = latent_.transpose() * mode_ + step_to(along);
  VectorXd residual = data_.residual(start + latent_x_ * a), off = miss(a, residual, along);
  for (int step = 0; step < most_steps; ++step) {
    const double before = off.squaredNorm();
    if (before < tolerance * tolerance) {
      const VectorXd e = across + latent_ * a;
      const Slope here(slope(start + latent_x_ * a));
      const double proposed = -0.5 * (across.squaredNorm() + (along + off).squaredNorm()) +
                              log_product(here.matrixLU().diagonal()),
                   found = -0.5 * (e.squaredNorm() + residual.squaredNorm());
      return {start + latent_x_ * a, found + cost_ + log_product(width_.diagonal()) - proposed};
    }
    const VectorXd towards = step_to(-off);
    bool moved = false;
    for (double length = 1; length > shortest_step && !moved; length /= 2) {
      const VectorXd next = a + length * towards, r = data_.residual(start + latent_x_ * next),
                     still = miss(next, r, along);
      moved = still.squaredNorm() < (fresh ? 1 : slow * slow) * before; // not where it is no number
      if (moved) {
        a = next;
        residual = r;
        off = still;
      }
      if (!fresh) break; // rather than shorten the step of another point's slope, take this one's
    }
    if (!moved && fresh) break;
    fresh = !moved;
    if (fresh) recent.emplace(slope(start + latent_x_ * a));
  }
  return {mode(), -INFINITY};
}

} // namespace lookback::tools
