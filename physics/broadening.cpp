#include "physics/broadening.hpp"

#include "engine/error.hpp"
#include "physics/resampling.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <complex>
#include <numbers>
#include <unsupported/Eigen/FFT>

namespace lookback::physics {

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;

namespace {

constexpr double kernel_reach = 6; // sigma

double normal_density(double u) {
  return std::exp(-u * u / 2) / std::sqrt(2 * std::numbers::pi);
}

double normal_integral(double u) {
  return std::erfc(-u / std::numbers::sqrt2) / 2;
}

MatrixXd continued(const MatrixXd& x, Index margin, Index size) {
  MatrixXd padded(size, x.cols());
  padded.middleRows(margin, x.rows()) = x;
  padded.topRows(margin).rowwise() = x.row(0);
  padded.bottomRows(size - margin - x.rows()).rowwise() = x.row(x.rows() - 1);
  return padded;
}

Index padded_size(const VectorXd& factor) {
  return 2 * (factor.size() - 1);
}

} // namespace

double kernel_sigma_km_per_s(double instrument, double model, double stars) {
  return std::sqrt(std::max(instrument * instrument - model * model + stars * stars, 0.0));
}

GaussianKernel gaussian_kernel(const VectorXd& wavelength_angstrom,
                               const VectorXd& sigma_angstrom) {
  const VectorXd &l = wavelength_angstrom, &sigma = sigma_angstrom;
  const Index n = l.size();
  require(sigma.size() == n, "broadening: ", sigma.size(), " dispersions; expected ", n);
  require(sigma.allFinite() && sigma.minCoeff() >= 0,
          "broadening: a dispersion is negative or not finite");
  const VectorXd edges = pixel_edges({l.data(), static_cast<std::size_t>(n)});
  GaussianKernel kernel{SparseRows(n, n), SparseRows(n, n)};
  std::vector<double> weight, slope;
  for (Index p = 0; p < n; ++p) {
    kernel.weights.startVec(p);
    kernel.by_sigma.startVec(p);
    const double reach = kernel_reach * sigma[p];
    const Index first = std::lower_bound(l.begin(), l.end(), l[p] - reach) - l.begin();
    const Index end = std::upper_bound(l.begin(), l.end(), l[p] + reach) - l.begin();
    if (end - first < 2) { // only itself
      kernel.weights.insertBack(p, p) = 1;
      continue;
    }
    weight.clear();
    slope.clear();
    double sum = 0, sum_slope = 0;
    double u = (edges[first] - l[p]) / sigma[p];
    for (Index k = first; k < end; ++k) {
      const double next = (edges[k + 1] - l[p]) / sigma[p];
      weight.push_back(normal_integral(next) - normal_integral(u));
      slope.push_back((u * normal_density(u) - next * normal_density(next)) / sigma[p]);
      sum += weight.back();
      sum_slope += slope.back();
      u = next;
    }
    for (Index k = first; k < end; ++k) {
      const double w = weight[static_cast<std::size_t>(k - first)] / sum;
      kernel.weights.insertBack(p, k) = w;
      kernel.by_sigma.insertBack(p, k) =
          (slope[static_cast<std::size_t>(k - first)] - w * sum_slope) / sum;
    }
  }
  kernel.weights.finalize();
  kernel.by_sigma.finalize();
  return kernel;
}

FourierBroadening::FourierBroadening(Index pixels, double sigma_pixels) : pixels_(pixels) {
  require(pixels >= 1, "broadening: no pixels; expected at least 1");
  require(std::isfinite(sigma_pixels) && sigma_pixels >= 0, "broadening: sigma is ", sigma_pixels,
          " pixels; expected a finite number, 0 or more");
  // Room for the kernel's tails, and a power of two in all.
  const Index reach = 64 + static_cast<Index>(std::ceil(8 * sigma_pixels));
  const auto padded =
      static_cast<Index>(std::bit_ceil(static_cast<std::size_t>(pixels + 2 * reach)));
  margin_ = (padded - pixels) / 2;
  const VectorXd w = VectorXd::LinSpaced(padded / 2 + 1, 0, std::numbers::pi); // radians per pixel
  factor_ = (-(sigma_pixels * w).array().square() / 2).exp();
  slope_ = -sigma_pixels * w.array().square() * factor_.array();
}

MatrixXd FourierBroadening::filtered(const MatrixXd& padded, const VectorXd& factor) const {
  Eigen::FFT<double> fft;
  fft.SetFlag(Eigen::FFT<double>::HalfSpectrum);
  MatrixXd result(padded.rows(), padded.cols());
  VectorXd column(padded.rows());
  Eigen::VectorXcd transform;
  for (Index n = 0; n < padded.cols(); ++n) {
    column = padded.col(n);
    fft.fwd(transform, column);
    transform.array() *= factor.array();
    fft.inv(column, transform, padded.rows());
    result.col(n) = column;
  }
  return result;
}

MatrixXd FourierBroadening::apply(const MatrixXd& x) const {
  require(x.rows() == pixels_, "broadening: ", x.rows(), " values; expected ", pixels_);
  return filtered(continued(x, margin_, padded_size(factor_)), factor_)
      .middleRows(margin_, pixels_);
}

MatrixXd FourierBroadening::by_sigma(const MatrixXd& x) const {
  require(x.rows() == pixels_, "broadening: ", x.rows(), " values; expected ", pixels_);
  return filtered(continued(x, margin_, padded_size(factor_)), slope_).middleRows(margin_, pixels_);
}

// The filter is symmetric, so only the continuation has to be transposed: what falls on a margin
// belongs to the end value that was repeated there.
MatrixXd FourierBroadening::transpose(const MatrixXd& y) const {
  require(y.rows() == pixels_, "broadening: ", y.rows(), " values; expected ", pixels_);
  MatrixXd padded = MatrixXd::Zero(padded_size(factor_), y.cols());
  padded.middleRows(margin_, pixels_) = y;
  const MatrixXd full = filtered(padded, factor_);
  MatrixXd x = full.middleRows(margin_, pixels_);
  x.row(0) += full.topRows(margin_).colwise().sum();
  x.row(pixels_ - 1) += full.bottomRows(full.rows() - margin_ - pixels_).colwise().sum();
  return x;
}

} // namespace lookback::physics
