#include "physics/photometry.hpp"

#include "engine/error.hpp"
#include "physics/units.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace lookback::physics {

using Eigen::Index;
using Eigen::VectorXd;

namespace {

constexpr double zero_point = 3631e-23; // erg/s/cm2/Hz, the AB system

// T between two neighbouring nodes: T = at + slope (l - from).
struct Segment {
  double from, to, at, slope;
};

std::vector<Segment> segments(const Band& band) {
  std::vector<Segment> result;
  const VectorXd &l = band.wavelength_angstrom, &t = band.transmission;
  for (Index i = 0; i + 1 < l.size(); ++i)
    result.push_back({l[i], l[i + 1], t[i], (t[i + 1] - t[i]) / (l[i + 1] - l[i])});
  return result;
}

// Integrals of T l dl from the segment's begin to l, and of T dl / l over all of it.
double photons(const Segment& s, double l) {
  const double d = l - s.from;
  return d * (s.from * s.at + d * ((s.at + s.from * s.slope) / 2 + d * s.slope / 3));
}
double reference(const Segment& s) {
  return (s.at - s.slope * s.from) * std::log(s.to / s.from) + s.slope * (s.to - s.from);
}

} // namespace

void check(const Band& band) {
  const VectorXd &l = band.wavelength_angstrom, &t = band.transmission;
  const Index n = l.size();
  require(n >= 2 && t.size() == n, "band ", band.name, ": ", n, " wavelengths and ", t.size(),
          " transmissions; expected as many of one as of the other, at least 2");
  require(l.allFinite() && l[0] > 0 && (l.tail(n - 1).array() > l.head(n - 1).array()).all(),
          "band ", band.name, ": the wavelengths are not positive and increasing");
  require(t.allFinite() && t.minCoeff() >= 0 && t.maxCoeff() > 0, "band ", band.name,
          ": the transmissions are negative, not finite or all 0");
}

// With the pixel edges e_k of the stretched axis and the photon integral N(l) of T l, the weight of
// pixel k is N(e_k+1) - N(e_k), and its derivative in z follows from dN/dl = T l, de/dz = e /
// (1+z).
BandRows band_rows(const Band& band, const VectorXd& source, double redshift) {
  check(band);
  const Index n = source.size();
  const VectorXd edges = (1 + redshift) * pixel_edges({source.data(), static_cast<std::size_t>(n)});
  BandRows rows{SparseRows(1, n), SparseRows(1, n), false};
  const std::vector<Segment> curve = segments(band);
  const auto lit = [](const Segment& s) { return s.at > 0 || s.slope > 0; };
  const auto first = std::find_if(curve.begin(), curve.end(), lit);
  const auto last = std::find_if(curve.rbegin(), curve.rend(), lit);
  rows.inside = first->from >= edges[0] && last->to <= edges[n];
  if (!rows.inside) return rows;

  double normalisation = 0;
  for (const Segment& s : curve) normalisation += reference(s);
  const double light_angstrom_per_s = units::speed_of_light_cm_per_s / units::angstrom_cm;
  const double scale = 1 / (light_angstrom_per_s * normalisation * zero_point);

  rows.weights.startVec(0);
  rows.by_redshift.startVec(0);
  Index k = std::upper_bound(edges.begin(), edges.end(), first->from) - edges.begin() - 1;
  for (auto s = first; k < n && edges[k] < last->to; ++k) {
    double weight = 0, slope = 0;
    const auto crossing = [&](const Segment& at, double l) { // T l de/dz at an edge
      return (at.at + at.slope * (l - at.from)) * l * l / (1 + redshift);
    };
    for (auto segment = s; segment != curve.end() && segment->from < edges[k + 1]; ++segment) {
      s = segment; // pixels and segments both move to the right
      const double from = std::max(segment->from, edges[k]);
      const double to = std::min(segment->to, edges[k + 1]);
      if (to <= from) continue;
      weight += photons(*segment, to) - photons(*segment, from);
      if (from == edges[k]) slope -= crossing(*segment, from);
      if (to == edges[k + 1]) slope += crossing(*segment, to);
    }
    rows.weights.insertBack(0, k) = scale * weight;
    rows.by_redshift.insertBack(0, k) = scale * slope;
  }
  rows.weights.finalize();
  rows.by_redshift.finalize();
  return rows;
}

double ab_magnitude(double maggies) {
  return maggies > 0 ? -2.5 * std::log10(maggies) : std::nan("");
}

double ab_magnitude_slope(double maggies) {
  return maggies > 0 ? -2.5 / (maggies * std::numbers::ln10) : std::nan("");
}

} // namespace lookback::physics
