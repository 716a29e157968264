#include "physics/broadening.hpp"

#include "engine/error.hpp"
#include "physics/resampling.hpp"
#include "physics/units.hpp"

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

struct Normal { // the standard normal density at u and its integral up to u
  double density, integral;
};

// Cubic between the values and slopes of f at both ends of an interval of length h, t in 0 .. 1.
double hermite(double f0, double f1, double slope0, double slope1, double h, double t) {
  const double rise = f1 - f0, s0 = h * slope0, s1 = h * slope1;
  return f0 + t * (s0 + t * (3 * rise - 2 * s0 - s1 + t * (s0 + s1 - 2 * rise)));
}

// A kernel takes a quarter of a million of these, and erfc is slow. In a table of step h a cubic is
// off by h^4 / 384 times the fourth derivative: 3e-15 here.
class NormalTable {
public:
  NormalTable() {
    for (int i = 0; i <= reach * per_unit + 1; ++i) {
      const double u = static_cast<double>(i) / per_unit;
      nodes_.push_back({std::exp(-u * u / 2) / std::sqrt(2 * std::numbers::pi),
                        std::erfc(-u / std::numbers::sqrt2) / 2});
    }
  }

  Normal operator()(double u) const {
    const double distance = std::min(std::abs(u), static_cast<double>(reach));
    const auto i = static_cast<std::size_t>(distance * per_unit);
    const Normal &a = nodes_[i], &b = nodes_[i + 1];
    constexpr double h = 1.0 / per_unit;
    const double begin = static_cast<double>(i) * h, t = (distance - begin) * per_unit;
    const double integral = hermite(a.integral, b.integral, a.density, b.density, h, t);
    return {hermite(a.density, b.density, -begin * a.density, -(begin + h) * b.density, h, t),
            u < 0 ? 1 - integral : integral};
  }

private:
  static constexpr int per_unit = 1024, reach = 8; // 1e-15 of the whole lies further out
  std::vector<Normal> nodes_;
};

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

double sigma_km_per_s_of_fwhm(double fwhm_angstrom, double wavelength_angstrom) {
  const double sigma_angstrom = fwhm_angstrom / std::sqrt(8 * std::numbers::ln2);
  return units::speed_of_light_cm_per_s / 1e5 * sigma_angstrom / wavelength_angstrom;
}

GaussianKernel gaussian_kernel(const VectorXd& wavelength_angstrom,
                               const VectorXd& sigma_angstrom) {
  const VectorXd &l = wavelength_angstrom, &sigma = sigma_angstrom;
  const Index n = l.size();
  require(sigma.size() == n, "broadening: ", sigma.size(), " dispersions; expected ", n);
  require(sigma.allFinite() && sigma.minCoeff() >= 0,
          "broadening: a dispersion is negative or not finite");
  const VectorXd edges = pixel_edges({l.data(), static_cast<std::size_t>(n)});
  const auto reached = [&](Index p) { // first pixel and one past the last
    const double reach = kernel_reach * sigma[p];
    return std::pair<Index, Index>(std::lower_bound(l.begin(), l.end(), l[p] - reach) - l.begin(),
                                   std::upper_bound(l.begin(), l.end(), l[p] + reach) - l.begin());
  };
  Index size = 0;
  for (Index p = 0; p < n; ++p) size += reached(p).second - reached(p).first;
  GaussianKernel kernel{SparseRows(n, n), SparseRows(n, n)};
  kernel.weights.reserve(size);
  kernel.by_sigma.reserve(size);
  static const NormalTable normal;
  std::vector<double> weight, slope;
  for (Index p = 0; p < n; ++p) {
    kernel.weights.startVec(p);
    kernel.by_sigma.startVec(p);
    const auto [first, end] = reached(p);
    if (end - first < 2) { // only itself
      kernel.weights.insertBack(p, p) = 1;
      continue;
    }
    weight.clear();
    slope.clear();
    double sum = 0, sum_slope = 0;
    const auto at_edge = [&, p](Index k) { return (edges[k] - l[p]) / sigma[p]; };
    double u = at_edge(first);
    Normal left = normal(u);
    for (Index k = first; k < end; ++k) {
      const double next = at_edge(k + 1);
      const Normal right = normal(next);
      weight.push_back(right.integral - left.integral);
      slope.push_back((u * left.density - next * right.density) / sigma[p]);
      sum += weight.back();
      sum_slope += slope.back();
      u = next;
      left = right;
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
