// How far two samples are apart.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace lookback::tools {

// Largest distance between the empirical distribution functions (Kolmogorov & Smirnov). Values that
// are not finite are left out.
double ks_distance(std::vector<double> a, std::vector<double> b);
// The 1-Wasserstein distance, the area between them, in the unit of the values.
double wasserstein_distance(std::vector<double> a, std::vector<double> b);

// Pearson correlations [columns, columns] of x[rows, columns]; 0 where a column does not vary.
std::vector<double> correlation_matrix(std::span<const double> x, std::size_t columns);

struct Deviation {
  double rms, largest;
};
// Over all elements of two arrays of one size.
Deviation deviation(std::span<const double> a, std::span<const double> b);

// P(chi^2 > x) with `degrees` degrees of freedom.
double chi2_survival(double x, int degrees);

// PQMass (Lemos et al. 2024, arXiv:2402.04355): the p-value that a[n, columns] and b[m, columns]
// come from one distribution, by chi^2 of the counts in Voronoi cells about random points. Median
// over `repeats` draws of the points, which are `regions` members of a and b, not counted. Equal
// distributions give p uniform in each repeat.
struct PqmassOptions {
  int regions = 100, repeats = 50;
  std::uint64_t seed = 0;
};
double pqmass(std::span<const float> a, std::span<const float> b, std::size_t columns,
              const PqmassOptions& options);

} // namespace lookback::tools
