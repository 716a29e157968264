#include "physics/resampling.hpp"

#include "engine/error.hpp"

#include <algorithm>

namespace lookback::physics {

using Eigen::Index;
using Eigen::VectorXd;

struct Resampler::Rows {
  SparseRows weights, by_redshift;
  std::vector<std::uint8_t> inside;

  Rows(Index targets, Index sources, Index nonzeros)
      : weights(targets, sources), by_redshift(targets, sources),
        inside(static_cast<std::size_t>(targets)) {
    weights.reserve(nonzeros);
    by_redshift.reserve(nonzeros);
  }

  // Appends to the row begun last, in increasing order of columns.
  void add(Index row, Index column, double weight, double slope) {
    weights.insertBack(row, column) = weight;
    by_redshift.insertBack(row, column) = slope;
  }
};

VectorXd pixel_edges(std::span<const double> centres) {
  const auto n = static_cast<Index>(centres.size());
  const Eigen::Map<const VectorXd> c(centres.data(), n);
  require(n >= 2, "resampling: ", n, " pixels; expected at least 2, to know their widths");
  VectorXd edges(n + 1);
  edges.segment(1, n - 1) = (c.head(n - 1) + c.tail(n - 1)) / 2;
  edges[0] = c[0] - (edges[1] - c[0]);
  edges[n] = c[n - 1] + (c[n - 1] - edges[n - 1]);
  return edges;
}

// With the stretched nodes s, share = (t - s_k) / (s_k+1 - s_k); at fixed t its derivative in z is
// -t / (1+z) / (s_k+1 - s_k).
Resampler::Rows Resampler::linear(const VectorXd& source, std::span<const double> target,
                                  double z) {
  const Index n = source.size();
  const VectorXd s = (1 + z) * source;
  Rows rows(static_cast<Index>(target.size()), n, 2 * static_cast<Index>(target.size()));
  for (std::size_t p = 0; p < target.size(); ++p) {
    const double t = target[p];
    const auto row = static_cast<Index>(p);
    rows.weights.startVec(row);
    rows.by_redshift.startVec(row);
    rows.inside[p] = t >= s[0] && t <= s[n - 1];
    if (!rows.inside[p]) continue;
    const auto above = std::upper_bound(s.begin(), s.end(), t);
    const auto k = std::clamp<Index>(above - s.begin() - 1, 0, n - 2);
    const double spacing = s[k + 1] - s[k], share = (t - s[k]) / spacing;
    const double slope = -t / (1 + z) / spacing;
    rows.add(row, k, 1 - share, -slope);
    rows.add(row, k + 1, share, slope);
  }
  return rows;
}

// y = (C(t_p+1) - C(t_p)) / (t_p+1 - t_p) between the pixel's edges t, where C is the integral of
// the stretched histogram: dC/dt = x_k and dC/dz = (C - t x_k) / (1+z), k the source pixel at t.
Resampler::Rows Resampler::flux_conserving(const VectorXd& source, std::span<const double> target,
                                           double z) {
  const Index n = source.size();
  const VectorXd s = (1 + z) * pixel_edges({source.data(), static_cast<std::size_t>(n)});
  const VectorXd t = pixel_edges(target);
  for (Index p = 0; p + 1 < t.size(); ++p)
    require(t[p + 1] > t[p], "resampling: pixel ", p, " is at ",
            target[static_cast<std::size_t>(p)],
            "; flux-conserving resampling needs increasing wavelengths");
  Rows rows(t.size() - 1, n, n + 2 * t.size());
  for (Index p = 0; p + 1 < t.size(); ++p) {
    rows.weights.startVec(p);
    rows.by_redshift.startVec(p);
    const double begin = t[p], end = t[p + 1], width = end - begin;
    const bool inside = begin >= s[0] && end <= s[n];
    rows.inside[static_cast<std::size_t>(p)] = inside;
    if (!inside) continue;
    Index k = std::upper_bound(s.begin(), s.end(), begin) - s.begin() - 1;
    for (; k < n && s[k] < end; ++k) {
      const double weight = (std::min(end, s[k + 1]) - std::max(begin, s[k])) / width;
      double slope = weight;
      if (s[k] <= begin) slope += begin / width;
      if (s[k + 1] >= end) slope -= end / width;
      rows.add(p, k, weight, slope / (1 + z));
    }
  }
  return rows;
}

Resampler::Resampler(ResamplingRule rule, const VectorXd& source, std::span<const double> target,
                     double redshift)
    : Resampler([&] {
        require(source.size() >= 2, "resampling: the source axis has ", source.size(),
                " values; expected at least 2");
        Rows rows = rule == ResamplingRule::linear ? linear(source, target, redshift)
                                                   : flux_conserving(source, target, redshift);
        rows.weights.finalize();
        rows.by_redshift.finalize();
        return rows;
      }()) {}

Resampler::Resampler(Rows rows)
    : SparseStage(std::move(rows.weights)), by_redshift_(std::move(rows.by_redshift)),
      inside_(std::move(rows.inside)) {}

} // namespace lookback::physics
