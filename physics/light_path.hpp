// From the light of a galaxy's stars to what the telescope records, at one A_V, redshift and
// velocity dispersion; linear in the luminosity L:
//
//   y = R(z) f(z) K(sigma_v, z) T(A_V) L,
//
// T dust screen and, if asked for, dust emission; K Gaussian kernel; f dimming; R resampling to the
// pixels and, below them, photometric bands. Derivatives in the three parameters are those of one
// factor at a time, and all need only L.
#pragma once

#include "physics/broadening.hpp"
#include "physics/dust_emission.hpp"
#include "physics/photometry.hpp"
#include "physics/resampling.hpp"

#include <cstdint>
#include <vector>

namespace lookback::physics {

struct Nuisance {
  double a_v = 0;              // mag
  double redshift = 0;         // 0: the galaxy is at 10 pc
  double sigma_v_km_per_s = 0; // dispersion of the stars along the line of sight
};

struct Instrument {
  std::vector<double> wavelength_angstrom; // [pixels] observed frame, vacuum
  ResamplingRule resampling = ResamplingRule::linear;
  double flux_unit = 1;             // erg/s/cm2/Angstrom; pixels only
  Eigen::VectorXd lsf_km_per_s;     // [pixels] dispersion, wavelengths increasing; empty: none
  Eigen::VectorXd library_km_per_s; // [W] dispersion of the SSP library; empty: none
  std::vector<Band> bands;          // appended to the pixels, in maggies
  DustEmission dust_emission;       // on the SSP grid's axis; empty: the dust does not shine
};

// An instrument that only resamples.
Instrument spectrograph(std::span<const double> wavelength_angstrom, double flux_unit = 1);

class LightPath : public LinearModel {
public:
  // rest_wavelength [W] of L. Errors: A_V, redshift or sigma_v negative or not finite, wavelengths
  // not positive, sizes that disagree.
  LightPath(const Eigen::VectorXd& rest_wavelength, double lsun_erg_per_s,
            const Instrument& instrument, const Nuisance& nuisance);

  Eigen::Index inputs() const override { return dust_.inputs(); }
  Eigen::Index outputs() const override { return to_pixels_.rows(); }
  Eigen::MatrixXd apply(const Eigen::MatrixXd& luminosity) const override;
  Eigen::MatrixXd transpose(const Eigen::MatrixXd& y) const override;

  // [pixels + bands] 1 where the spectrum covers the pixel or band; else y is 0.
  const std::vector<std::uint8_t>& inside() const { return inside_; }

  // Derivatives of apply(luminosity). by_redshift needs a redshift above 0.
  Eigen::MatrixXd by_a_v(const Eigen::MatrixXd& luminosity) const;
  Eigen::MatrixXd by_redshift(const Eigen::MatrixXd& luminosity) const;
  Eigen::MatrixXd by_sigma_v(const Eigen::MatrixXd& luminosity) const;

private:
  void make_kernel(const Eigen::VectorXd& rest_wavelength, const Instrument& instrument,
                   const std::vector<bool>& seen);
  Eigen::MatrixXd broadened(const Eigen::MatrixXd& x) const;

  Nuisance nuisance_;
  double dimming_;
  DustScreen dust_, dust_slope_;
  SparseRows kernel_, kernel_slope_;                     // empty: nothing to broaden
  Eigen::VectorXd sigma_by_sigma_v_, sigma_by_redshift_; // [W] of the kernel's sigma in Angstrom
  SparseRows to_pixels_, to_pixels_slope_;
  std::vector<std::uint8_t> inside_;
};

} // namespace lookback::physics
