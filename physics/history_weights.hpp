// The one stage that is not linear: from a history to the weights of its stellar populations,
//
//   c[j, i] = SFR_i w_j(log Z_i),    i bin formed before the epoch of observation, j metallicity
//   node,
//
// with the two-node weights w of metallicity.hpp. Every later stage is linear in c. A history is a
// column [2 bins]: SFR [Msun/yr] above log10(Z/Zsun). The weights are a column [nodes * formed],
// the bin running fastest.
#pragma once

#include "physics/forward_model.hpp"

namespace lookback::physics {

class HistoryWeights : public ForwardModel {
public:
  // The first `formed` of `bins` bins contribute.
  HistoryWeights(Eigen::Index bins, Eigen::Index formed, Eigen::VectorXd log_z_nodes);

  Eigen::Index inputs() const override { return 2 * bins_; }
  Eigen::Index outputs() const override { return log_z_nodes_.size() * formed_; }
  Eigen::MatrixXd value(const Eigen::MatrixXd& x) const override;
  Eigen::MatrixXd jvp(const Eigen::MatrixXd& x, const Eigen::MatrixXd& d) const override;
  Eigen::MatrixXd vjp(const Eigen::MatrixXd& x, const Eigen::MatrixXd& u) const override;

private:
  void check_histories(const Eigen::MatrixXd& x) const;

  Eigen::Index bins_, formed_;
  Eigen::VectorXd log_z_nodes_;
};

} // namespace lookback::physics
