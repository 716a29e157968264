// Draws against a reference, in the coordinates in which the exact posterior has covariance 1.
#pragma once

#include <Eigen/Core>

namespace lookback::bench {

struct Distance {
  double bias;  // root mean square over directions of the shift of the mean, without the part that
                // is Monte Carlo error
  double std50; // median over the posterior's principal axes of the ratio of standard deviations
  double sliced_wasserstein; // mean over 64 random directions of the 1-Wasserstein distance
};

class Reference {
public:
  // draws [D, N] of the exact posterior (or a long run), with its mean and covariance.
  Reference(const Eigen::MatrixXd& draws, const Eigen::VectorXd& mean,
            const Eigen::MatrixXd& covariance);
  Distance distance(const Eigen::MatrixXd& draws) const;

private:
  Eigen::MatrixXd white(const Eigen::MatrixXd& x) const;

  Eigen::VectorXd mean_;
  Eigen::MatrixXd whiten_; // [D, D], rows are principal axes over their standard deviations
  Eigen::MatrixXd directions_, projected_;
};

} // namespace lookback::bench
