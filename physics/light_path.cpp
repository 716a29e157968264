#include "physics/light_path.hpp"

#include "engine/error.hpp"
#include "physics/attenuation.hpp"
#include "physics/redshift.hpp"
#include "physics/units.hpp"

#include <algorithm>
#include <cmath>

namespace lookback::physics {

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;

namespace {

constexpr double light_km_per_s = units::speed_of_light_cm_per_s / 1e5;

void check_nuisance(const Nuisance& n) {
  require(std::isfinite(n.a_v) && n.a_v >= 0, "A_V ", n.a_v,
          " mag; expected a finite number, 0 or more");
  require(std::isfinite(n.redshift) && n.redshift >= 0, "redshift ", n.redshift,
          "; expected a finite number, 0 or more");
  require(std::isfinite(n.sigma_v_km_per_s) && n.sigma_v_km_per_s >= 0, "velocity dispersion ",
          n.sigma_v_km_per_s, " km/s; expected a finite number, 0 or more");
}

void check_instrument(const Instrument& instrument, Index grid_wavelengths) {
  const auto& pixels = instrument.wavelength_angstrom;
  require(
      std::all_of(pixels.begin(), pixels.end(), [](double l) { return std::isfinite(l) && l > 0; }),
      "a wavelength of the spectrum is not a positive number of Angstrom");
  require(std::isfinite(instrument.flux_unit) && instrument.flux_unit > 0, "flux unit ",
          instrument.flux_unit, "; expected a positive number");
  const auto check_dispersion = [](const VectorXd& sigma, Index expected, const char* name) {
    if (sigma.size() == 0) return;
    require(sigma.size() == expected && sigma.allFinite() && sigma.minCoeff() >= 0, name, " has ",
            sigma.size(), " dispersions; expected ", expected, ", finite and 0 or more");
  };
  check_dispersion(instrument.lsf_km_per_s, static_cast<Index>(pixels.size()),
                   "the line-spread function");
  check_dispersion(instrument.library_km_per_s, grid_wavelengths, "the SSP library's resolution");
  require(instrument.lsf_km_per_s.size() == 0 || std::is_sorted(pixels.begin(), pixels.end()),
          "a line-spread function needs increasing wavelengths");
}

// Rows of the pixels, in flux units, above those of the bands.
struct Pixels {
  SparseRows weights, by_redshift;
  std::vector<std::uint8_t> inside;
};

void append_rows(SparseRows& to, Index first, const SparseRows& from, double scale) {
  for (Index row = 0; row < from.rows(); ++row) {
    to.startVec(first + row);
    for (SparseRows::InnerIterator it(from, row); it; ++it)
      to.insertBack(first + row, it.col()) = scale * it.value();
  }
}

Pixels pixels_and_bands(const VectorXd& rest, const Instrument& instrument, double z) {
  const auto pixels = static_cast<Index>(instrument.wavelength_angstrom.size());
  const Index rows = pixels + static_cast<Index>(instrument.bands.size());
  Pixels all{SparseRows(rows, rest.size()), SparseRows(rows, rest.size()), {}};
  if (pixels > 0) {
    const Resampler spectrum(instrument.resampling, rest, instrument.wavelength_angstrom, z);
    append_rows(all.weights, 0, spectrum.matrix(), 1 / instrument.flux_unit);
    append_rows(all.by_redshift, 0, spectrum.by_redshift(), 1 / instrument.flux_unit);
    all.inside = spectrum.inside();
  }
  for (const Band& band : instrument.bands) {
    const BandRows one = band_rows(band, rest, z);
    const auto row = static_cast<Index>(all.inside.size());
    append_rows(all.weights, row, one.weights, 1);
    append_rows(all.by_redshift, row, one.by_redshift, 1);
    all.inside.push_back(one.inside);
  }
  all.weights.finalize();
  all.by_redshift.finalize();
  return all;
}

// The instrument's dispersion at observed wavelengths, straight between pixels and constant
// outside, and its slope per Angstrom.
struct Dispersion {
  double value, slope;
};
Dispersion dispersion_at(double l, const Instrument& instrument) {
  const auto& axis = instrument.wavelength_angstrom;
  const VectorXd& sigma = instrument.lsf_km_per_s;
  if (sigma.size() == 0) return {0, 0};
  const auto upper =
      static_cast<Index>(std::upper_bound(axis.begin(), axis.end(), l) - axis.begin());
  if (upper == 0) return {sigma[0], 0};
  if (upper == sigma.size()) return {sigma[upper - 1], 0};
  const double begin = axis[static_cast<std::size_t>(upper - 1)];
  const double slope =
      (sigma[upper] - sigma[upper - 1]) / (axis[static_cast<std::size_t>(upper)] - begin);
  return {sigma[upper - 1] + slope * (l - begin), slope};
}

// The columns at which these rows of a matrix look.
std::vector<bool> looked_at(const SparseRows& matrix, const std::vector<bool>& rows) {
  std::vector<bool> columns(static_cast<std::size_t>(matrix.cols()));
  for (Index row = 0; row < matrix.rows(); ++row) {
    if (!rows[static_cast<std::size_t>(row)]) continue;
    for (SparseRows::InnerIterator it(matrix, row); it; ++it)
      columns[static_cast<std::size_t>(it.col())] = true;
  }
  return columns;
}

// No emission where it is 0 at all that is looked at.
DustEmission visible(const DustEmission& emission, const std::vector<bool>& seen) {
  for (Index k = 0; k < emission.spectrum.size(); ++k)
    if (seen[static_cast<std::size_t>(k)] && emission.spectrum[k] != 0) return emission;
  return {};
}

} // namespace

Instrument spectrograph(std::span<const double> wavelength_angstrom, double flux_unit) {
  Instrument instrument;
  instrument.wavelength_angstrom.assign(wavelength_angstrom.begin(), wavelength_angstrom.end());
  instrument.flux_unit = flux_unit;
  return instrument;
}

LightPath::LightPath(const VectorXd& rest, double lsun_erg_per_s, const Instrument& instrument,
                     const Nuisance& nuisance)
    : nuisance_(nuisance), dimming_(flux_per_luminosity(nuisance.redshift, lsun_erg_per_s)),
      dust_({}, {}, {}), dust_slope_({}, {}, {}) {
  check_nuisance(nuisance);
  check_instrument(instrument, rest.size());
  Pixels pixels = pixels_and_bands(rest, instrument, nuisance.redshift);
  to_pixels_.swap(pixels.weights);
  to_pixels_slope_.swap(pixels.by_redshift);
  inside_ = std::move(pixels.inside);

  const std::vector<bool> all(inside_.size(), true);
  std::vector<bool> seen = looked_at(to_pixels_, all);
  if (nuisance.sigma_v_km_per_s > 0 || instrument.lsf_km_per_s.size() > 0) {
    make_kernel(rest, instrument, seen);
    seen = looked_at(kernel_, seen);
  }
  const VectorXd curve = calzetti_curve(rest);
  const DustEmission emission = visible(instrument.dust_emission, seen);
  dust_ = dust_screen(curve, nuisance.a_v, emission);
  dust_slope_ = dust_screen_slope(curve, nuisance.a_v, emission);
}

void LightPath::make_kernel(const VectorXd& rest, const Instrument& instrument,
                            const std::vector<bool>& seen) {
  const double stars = nuisance_.sigma_v_km_per_s;
  const VectorXd& library_sigma = instrument.library_km_per_s;
  VectorXd sigma = VectorXd::Zero(rest.size());
  sigma_by_sigma_v_ = sigma_by_redshift_ = sigma;
  for (Index k = 0; k < rest.size(); ++k) {
    if (!seen[static_cast<std::size_t>(k)]) continue; // and stays as it is
    const Dispersion lsf = dispersion_at((1 + nuisance_.redshift) * rest[k], instrument);
    const double library = library_sigma.size() > 0 ? library_sigma[k] : 0;
    const double velocity = kernel_sigma_km_per_s(lsf.value, library, stars);
    if (velocity == 0) continue;
    const double angstrom = rest[k] / light_km_per_s;
    sigma[k] = angstrom * velocity;
    sigma_by_sigma_v_[k] = angstrom * stars / velocity;
    sigma_by_redshift_[k] = angstrom * lsf.value * lsf.slope * rest[k] / velocity;
  }
  GaussianKernel kernel = gaussian_kernel(rest, sigma);
  kernel_.swap(kernel.weights); // Eigen's sparse matrices copy when moved
  kernel_slope_.swap(kernel.by_sigma);
}

MatrixXd LightPath::broadened(const MatrixXd& x) const {
  if (kernel_.size() == 0) return x;
  return kernel_ * x;
}

MatrixXd LightPath::apply(const MatrixXd& luminosity) const {
  return dimming_ * (to_pixels_ * broadened(dust_.apply(luminosity)));
}

MatrixXd LightPath::transpose(const MatrixXd& y) const {
  require(y.rows() == outputs(), "light path: ", y.rows(), " rows; expected ", outputs());
  MatrixXd x = dimming_ * (to_pixels_.transpose() * y);
  if (kernel_.size() > 0) x = MatrixXd(kernel_.transpose() * x);
  return dust_.transpose(x);
}

MatrixXd LightPath::by_a_v(const MatrixXd& luminosity) const {
  return dimming_ * (to_pixels_ * broadened(dust_slope_.apply(luminosity)));
}

MatrixXd LightPath::by_redshift(const MatrixXd& luminosity) const {
  const MatrixXd dusty = dust_.apply(luminosity), broad = broadened(dusty);
  MatrixXd slope = flux_per_luminosity_log_slope(nuisance_.redshift) * (to_pixels_ * broad);
  slope += to_pixels_slope_ * broad;
  if (kernel_.size() > 0) {
    const MatrixXd wider = sigma_by_redshift_.asDiagonal() * MatrixXd(kernel_slope_ * dusty);
    slope += to_pixels_ * wider;
  }
  return dimming_ * slope;
}

MatrixXd LightPath::by_sigma_v(const MatrixXd& luminosity) const {
  if (kernel_.size() == 0) return MatrixXd::Zero(outputs(), luminosity.cols());
  const MatrixXd wider =
      sigma_by_sigma_v_.asDiagonal() * MatrixXd(kernel_slope_ * dust_.apply(luminosity));
  return dimming_ * (to_pixels_ * wider);
}

} // namespace lookback::physics
