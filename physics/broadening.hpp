// Convolution with a Gaussian line of sight or instrument, in two forms:
//   - FourierBroadening, for one sigma on an axis even in log wavelength: the spectrum's transform
//     times exp(-(sigma w)^2 / 2), pPXF's rule (Cappellari 2017). It is exact for sigma below a
//     pixel, where a sampled kernel is wrong by per cent. The end values continue past both ends.
//   - gaussian_kernel, for a sigma of its own at every pixel of any axis: the Gaussian integrated
//     over the input pixels within 6 sigma and divided by its sum; sigma 0 copies the pixel.
#pragma once

#include "physics/sparse_stage.hpp"

namespace lookback::physics {

// Dispersions of instrument and stars add in quadrature; that which the model spectra already have
// is taken away: sigma^2 = max(instrument^2 - model^2 + stars^2, 0).
double kernel_sigma_km_per_s(double instrument, double model, double stars);

// Standard deviation in velocity of a Gaussian of this full width at half maximum.
double sigma_km_per_s_of_fwhm(double fwhm_angstrom, double wavelength_angstrom);

struct GaussianKernel {
  SparseRows weights;  // [W, W], rows sum to 1
  SparseRows by_sigma; // [W, W] d weights / d sigma of the row's pixel, 1/Angstrom
};

// wavelength [W] increasing; sigma [W] Angstrom, 0 or more. Errors: sizes that differ, a sigma that
// is negative or not finite.
GaussianKernel gaussian_kernel(const Eigen::VectorXd& wavelength_angstrom,
                               const Eigen::VectorXd& sigma_angstrom);

class FourierBroadening : public LinearModel {
public:
  // sigma in pixels of the even axis, 0 or more.
  FourierBroadening(Eigen::Index pixels, double sigma_pixels);

  Eigen::Index inputs() const override { return pixels_; }
  Eigen::Index outputs() const override { return pixels_; }
  Eigen::MatrixXd apply(const Eigen::MatrixXd& x) const override;
  Eigen::MatrixXd transpose(const Eigen::MatrixXd& y) const override;

  // d (apply x) / d sigma, per pixel.
  Eigen::MatrixXd by_sigma(const Eigen::MatrixXd& x) const;

private:
  Eigen::MatrixXd filtered(const Eigen::MatrixXd& padded, const Eigen::VectorXd& factor) const;

  Eigen::Index pixels_, margin_;   // values continued past each end
  Eigen::VectorXd factor_, slope_; // [frequencies] of the padded spectrum
};

} // namespace lookback::physics
