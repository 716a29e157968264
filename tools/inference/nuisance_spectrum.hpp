// CompressedSpectrum with parameters of the galaxy left free. W B(nu), the whitened spectra of the
// stellar populations, is computed at the nodes of a Chebyshev grid of nu, compressed in one common
// basis, and interpolated by polynomials: B depends on A_V like an exponential, and on redshift and
// dispersion, within their errors, like a shift and a blur by a part of a resolution element.
#pragma once

#include "tools/inference/nuisance.hpp"
#include "tools/inference/whitened_data.hpp"

namespace lookback::tools {

// A galaxy's model with other parameters.
using ModelAt = std::function<physics::GalaxyModel(const physics::Nuisance&)>;

class NuisanceSpectrum : public WhitenedData {
public:
  // `centre` holds the parameters that `free` does not name. Errors: those of CompressedSpectrum.
  NuisanceSpectrum(const ModelAt& model_at, const physics::Nuisance& centre,
                   std::vector<NuisancePrior> free, const Eigen::VectorXd& log_z_nodes,
                   const SpectrumLikelihood& likelihood, const nn::Normalization& normalization);

  // x [D + free]: the history above one u for each free parameter.
  Eigen::Index size() const override { return y_.size(); }
  Eigen::VectorXd residual(const Eigen::VectorXd& x) const override;
  Eigen::MatrixXd jacobian(const Eigen::VectorXd& x) const override;
  const PixelBasis& pixels() const { return pixels_; }

private:
  struct Weights { // of the nodes, and their derivatives by each u
    Eigen::VectorXd value;
    Eigen::MatrixXd by_u;
  };
  Weights weights(const Eigen::VectorXd& x) const;

  std::vector<NuisancePrior> free_;
  std::vector<Eigen::VectorXd> axes_; // nodes of each parameter
  const nn::Normalization& normalization_;
  Populations populations_;
  Eigen::MatrixXd r_; // [nodes * size, metallicities * formed], the node running slowest
  Eigen::VectorXd y_;
  PixelBasis pixels_;
};

} // namespace lookback::tools
