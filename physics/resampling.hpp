// From a wavelength axis stretched by 1 + z to the pixels of a spectrograph, by one of two rules:
//
//   linear            y[p] = interpolation of x at the pixel's centre, as numpy.interp;
//   flux_conserving   y[p] = mean over the pixel of the histogram x, as spectres (Carnall 2017):
//                     edges lie midway between centres, the outer two mirrored.
//
// Outside the source axis there is no data: y = 0 and inside = 0, never an extrapolation. A pixel
// that is only partly covered counts as outside.
#pragma once

#include "physics/sparse_stage.hpp"

#include <cstdint>
#include <span>
#include <vector>

namespace lookback::physics {

enum class ResamplingRule { linear, flux_conserving };

class Resampler : public SparseStage {
public:
  // source [S]: at least two values, increasing, in the rest frame. target: observed; any order for
  // the linear rule, at least two values and increasing for the other.
  Resampler(ResamplingRule rule, const Eigen::VectorXd& source, std::span<const double> target,
            double redshift = 0);

  const std::vector<std::uint8_t>& inside() const { return inside_; } // [targets]

  // d y / d z = by_redshift x at fixed x, right-hand where a pixel or edge meets a node.
  const SparseRows& by_redshift() const { return by_redshift_; }

private:
  struct Rows; // weights, slopes and the covered pixels
  explicit Resampler(Rows rows);
  static Rows linear(const Eigen::VectorXd& source, std::span<const double> target, double z);
  static Rows flux_conserving(const Eigen::VectorXd& source, std::span<const double> target,
                              double z);

  SparseRows by_redshift_;
  std::vector<std::uint8_t> inside_;
};

// [n + 1] edges of pixels with these n increasing centres.
Eigen::VectorXd pixel_edges(std::span<const double> centres);

} // namespace lookback::physics
