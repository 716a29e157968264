// An observed galaxy in the prior's variables. The whitened spectrum is W B w(x), w the weights of
// stellar populations and B the spectra of each; with W B = Q R, Q^T Q = 1, the numbers are Q^T of
// the whitened data, and S = R w.
#pragma once

#include "nn/variables.hpp"
#include "physics/galaxy_model.hpp"
#include "tools/inference/nuisance_prior.hpp"
#include "tools/inference/spectrum_likelihood.hpp"
#include "tools/inference/whitened_data.hpp"

namespace lookback::tools {

// Populations of stars, one for each metallicity node and time bin that has formed, the bin running
// fastest, and sums over them with the weights w of a history x[L, 2]: SFR times the two-node
// weights of its metallicity.
struct Populations {
  Eigen::Index bins = 0, formed = 0;
  Eigen::VectorXd log_z_nodes;

  // r w(x), for r[rows, metallicities * formed]: [rows].
  Eigen::VectorXd spectrum(const Eigen::MatrixXd& r, const Eigen::VectorXd& x,
                           const nn::Normalization& normalization) const;
  // The derivative by x of r w(x), for an r that is the sum over the nodes of a grid, r[nodes *
  // size, ...] with the node running slowest, with the weights `node`: [size, 2 L].
  Eigen::MatrixXd derivative(const Eigen::MatrixXd& r, const Eigen::VectorXd& node,
                             const Eigen::VectorXd& x,
                             const nn::Normalization& normalization) const;
};

// What S(x) of a galaxy is made of. R of parameters left free is known at the nodes of a grid and
// interpolated by polynomials; x [2 L + free] is then the history above one u for each of them.
struct SpectrumTerms {
  Populations populations;
  nn::Normalization normalization;
  Eigen::MatrixXd r; // [nodes * size, metallicities * formed], the node running slowest
  Eigen::VectorXd y; // [size]
  std::vector<NuisancePrior> free;
  std::vector<Eigen::VectorXd> axes; // nodes of each, the first running fastest

  Eigen::Index dimension() const { return 2 * populations.bins + Eigen::Index(free.size()); }
};

class SpectrumData : public WhitenedData {
public:
  explicit SpectrumData(SpectrumTerms terms, PixelBasis pixels = {})
      : terms_(std::move(terms)), pixels_(std::move(pixels)) {}
  Eigen::Index size() const override { return terms_.y.size(); }
  Eigen::VectorXd residual(const Eigen::VectorXd& x) const override;
  Eigen::MatrixXd jacobian(const Eigen::VectorXd& x) const override;
  const SpectrumTerms& terms() const { return terms_; }
  const PixelBasis& pixels() const { return pixels_; }

private:
  struct Weights { // of the nodes, and their derivatives by each u
    Eigen::VectorXd value;
    Eigen::MatrixXd by_u;
  };
  Weights weights(const Eigen::VectorXd& x) const;

  SpectrumTerms terms_;
  PixelBasis pixels_;
};

// W B, the whitened spectrum of each population at 1 Msun/yr: [used, nodes * formed].
Eigen::MatrixXd whitened_populations(const physics::GalaxyModel& model,
                                     const Eigen::VectorXd& log_z_nodes,
                                     const SpectrumLikelihood& likelihood);

// No parameter is free. Directions of W B that are weaker than 1e-6 of the strongest are left out:
// a spectrum of S/N 100 in every one of 10^4 pixels moves by 0.01 there.
SpectrumData compressed_spectrum(const physics::GalaxyModel& model,
                                 const Eigen::VectorXd& log_z_nodes,
                                 const SpectrumLikelihood& likelihood,
                                 const nn::Normalization& normalization);

} // namespace lookback::tools
