// Piecewise cubic interpolation that keeps the order of the values: where they rise, so does the
// curve (PCHIP; Fritsch & Carlson 1980, SIAM J. Numer. Anal. 17, 238, with the slopes of Fritsch &
// Butland 1984, SIAM J. Sci. Stat. Comput. 5, 300).
#pragma once

#include <vector>

namespace lookback::tools {

class MonotoneCurve {
public:
  // Two or more points, x increasing.
  MonotoneCurve(std::vector<double> x, std::vector<double> y);

  // The first and last value before and after the points.
  double operator()(double x) const;

private:
  std::vector<double> x_, y_, slope_;
};

} // namespace lookback::tools
