#include "tools/inference/most_probable.hpp"

#include "tools/inference/peak.hpp"

namespace lookback::tools {

Eigen::VectorXd most_probable(const WhitenedData& data, Eigen::Index dimension, int steps) {
  const ConditionalPart standard_normal{
      1, Eigen::VectorXd::Zero(dimension),
      std::make_shared<const Eigen::MatrixXd>(Eigen::MatrixXd::Identity(dimension, dimension))};
  return Peak(data, standard_normal, steps).mode();
}

} // namespace lookback::tools
