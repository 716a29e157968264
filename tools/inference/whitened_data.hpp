// What the data say, whitened and compressed: numbers y = S(x) + noise of unit variance, as many as
// carry information. chi^2 of x is |y - S(x)|^2 and a constant.
#pragma once

#include "nn/variables.hpp"
#include "physics/galaxy_model.hpp"
#include "tools/inference/spectrum_likelihood.hpp"

namespace lookback::tools {

class WhitenedData { // immutable: one object serves many threads
public:
  virtual ~WhitenedData() = default;
  virtual Eigen::Index size() const = 0;
  virtual Eigen::VectorXd residual(const Eigen::VectorXd& x) const = 0; // y - S(x)
  virtual Eigen::MatrixXd jacobian(const Eigen::VectorXd& x) const = 0; // dS/dx, [size, D]
};

// y = A x + noise.
class LinearData : public WhitenedData {
public:
  LinearData(Eigen::MatrixXd a, Eigen::VectorXd y) : a_(std::move(a)), y_(std::move(y)) {}
  Eigen::Index size() const override { return y_.size(); }
  Eigen::VectorXd residual(const Eigen::VectorXd& x) const override { return y_ - a_ * x; }
  Eigen::MatrixXd jacobian(const Eigen::VectorXd&) const override { return a_; }

private:
  Eigen::MatrixXd a_;
  Eigen::VectorXd y_;
};

// The pixels behind compressed data: their whitened residuals [P] at x are rest + basis
// residual(x), the columns of the basis orthonormal and at right angles to the rest.
struct PixelBasis {
  Eigen::MatrixXd basis; // [P, size]
  Eigen::VectorXd rest;  // [P], what no history explains
};

// Populations of stars, one for each metallicity node and time bin that has formed, the bin running
// fastest, and sums over them with the weights w of a history x[L, 2]: SFR times the two-node
// weights of its metallicity.
struct Populations {
  Eigen::Index bins = 0, formed = 0;
  Eigen::VectorXd log_z_nodes;

  // r w(x) and its derivative by x, for r[rows, nodes * formed]: [rows] and [rows, 2 L].
  Eigen::VectorXd spectrum(const Eigen::MatrixXd& r, const Eigen::VectorXd& x,
                           const nn::Normalization& normalization) const;
  Eigen::MatrixXd derivative(const Eigen::MatrixXd& r, const Eigen::VectorXd& x,
                             const nn::Normalization& normalization) const;
};

// W B, the whitened spectrum of each population at 1 Msun/yr: [used, nodes * formed].
Eigen::MatrixXd whitened_populations(const physics::GalaxyModel& model,
                                     const Eigen::VectorXd& log_z_nodes,
                                     const SpectrumLikelihood& likelihood);

// An observed galaxy in the prior's variables x[L, 2]. The whitened spectrum is W B w(x), w the
// weights of stellar populations and B the spectra of each; with W B = Q R, Q^T Q = 1, the numbers
// are Q^T of the whitened data, and S = R w. Directions of W B that are weaker than 1e-7 of the
// strongest are left out: a spectrum of S/N 1000 in every one of 10^4 pixels moves by 0.01 there.
class CompressedSpectrum : public WhitenedData {
public:
  CompressedSpectrum(const physics::GalaxyModel& model, const Eigen::VectorXd& log_z_nodes,
                     const SpectrumLikelihood& likelihood, const nn::Normalization& normalization);

  Eigen::Index size() const override { return y_.size(); }
  Eigen::VectorXd residual(const Eigen::VectorXd& x) const override;
  Eigen::MatrixXd jacobian(const Eigen::VectorXd& x) const override;
  const PixelBasis& pixels() const { return pixels_; }

private:
  const nn::Normalization& normalization_;
  Populations populations_;
  Eigen::MatrixXd r_; // [size, nodes * formed], the bin running fastest
  Eigen::VectorXd y_;
  PixelBasis pixels_;
};

} // namespace lookback::tools
