#include "tools/inference/peak.hpp"

#include <Eigen/Cholesky>
#include <Eigen/Eigenvalues>
#include <Eigen/LU>

#include <cmath>

namespace lookback::tools {

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;

namespace {

constexpr double negligible = 1e-3;     // of a log density
constexpr double shortest_step = 1e-3;  // of Newton's
constexpr double least_strength = 1e-3; // below, the data say nothing
constexpr double tolerance = 1e-4;      // of a coordinate of standard deviation 1
constexpr int most_steps = 30;

// ln |product of all values|.
double log_product(const VectorXd& values) {
  double sum = 0;
  for (const double value : values) sum += std::log(std::abs(value));
  return sum;
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
  const Eigen::SelfAdjointEigenSolver<MatrixXd> eigen(j * j.transpose());
  const Index k = (eigen.eigenvalues().array() > least_strength * least_strength).count();
  strength_ = eigen.eigenvalues().tail(k).cwiseSqrt();
  width_ = (1 + strength_.array().square()).sqrt();
  data_axes_ = eigen.eigenvectors().rightCols(k);
  latent_ = j.transpose() * data_axes_ * strength_.cwiseInverse().asDiagonal();
  latent_x_ = part_.factor->triangularView<Eigen::Lower>() * latent_;
}

double Peak::log_evidence() const {
  return std::log(part_.weight) - cost_ - log_product(width_);
}

VectorXd Peak::miss(const VectorXd& a, const VectorXd& residual, const VectorXd& along) const {
  return (a - strength_.cwiseProduct(data_axes_.transpose() * residual)).cwiseQuotient(width_) -
         along;
}

MatrixXd Peak::slope(const VectorXd& x) const {
  MatrixXd g = strength_.cwiseQuotient(width_).asDiagonal() *
               (data_axes_.transpose() * (data_.jacobian(x) * latent_x_));
  g.diagonal() += width_.cwiseInverse();
  return g;
}

Peak::Point Peak::propose(ChainNumbers& numbers) const {
  const VectorXd z = numbers.normal(mode_.size()), along = numbers.normal(strength_.size());
  const VectorXd across = z - latent_ * (latent_.transpose() * z), start = x(across);
  VectorXd a = latent_.transpose() * mode_ + along.cwiseQuotient(width_);
  VectorXd residual = data_.residual(start + latent_x_ * a), off = miss(a, residual, along);
  for (int step = 0; step < most_steps; ++step) {
    const Eigen::PartialPivLU<MatrixXd> lu(slope(start + latent_x_ * a));
    const double before = off.squaredNorm();
    if (before < tolerance * tolerance) {
      const VectorXd e = across + latent_ * a;
      const double proposed = -0.5 * (across.squaredNorm() + (along + off).squaredNorm()) +
                              log_product(lu.matrixLU().diagonal()),
                   found = -0.5 * (e.squaredNorm() + residual.squaredNorm());
      return {start + latent_x_ * a, found + cost_ + log_product(width_) - proposed};
    }
    const VectorXd towards = -lu.solve(off);
    double length = 1;
    for (; length > shortest_step; length /= 2) {
      const VectorXd next = a + length * towards, r = data_.residual(start + latent_x_ * next),
                     still = miss(next, r, along);
      if (!(still.squaredNorm() < before)) continue; // also where it is not a number
      a = next;
      residual = r;
      off = still;
      break;
    }
    if (length <= shortest_step) break;
  }
  return {mode(), -INFINITY};
}

} // namespace lookback::tools
