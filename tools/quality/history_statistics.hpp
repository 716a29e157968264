// What is compared of histories, one statistic a function.
#pragma once

#include "physics/derived.hpp"
#include "tools/quality/history_set.hpp"

namespace lookback::tools {

// asinh(SFR/floor) then log Z of every history: [count, 2 bins]. Linear up to the floor
// [Msun/yr], logarithmic above, defined for rates below zero.
std::vector<double> scaled_histories(const HistorySet& set, double floor_msun_per_yr);

// Quantities of every history at the end of its last bin, today.
std::vector<physics::DerivedQuantities> derived_quantities(const HistorySet& set);

// Quantiles at `levels` of values[count, bins], bin by bin: [levels][bins].
std::vector<std::vector<double>> quantiles_by_bin(std::span<const float> values, int bins,
                                                  std::span<const double> levels);

// Specific star-formation rate below which a galaxy is called quenched.
inline constexpr double quenched_per_yr = 1e-11;
// Share of the galaxies with stars whose SFR / (mass formed until the end of the bin) is below it,
// [bins]; NaN where none has stars. Rates below 0 count as 0.
std::vector<double> quenched_share(const HistorySet& set);

// Share of all bins with a rate below 0.
double negative_share(const HistorySet& set);

// Burstiness: the mean power spectrum of log10 SFR
// about its cubic trend in time, by frequency k = 1 ... bins/2 cycles per span of the bins (which
// are taken as equal). Powers sum to the variance [dex^2]. Rates are raised by one hundredth of
// the history's mean, so that empty bins have a logarithm; histories without stars are left out.
std::vector<double> burst_spectrum(const HistorySet& set);
// Power [x^2] of frequencies 1 ... n/2 of x[n] less its mean: sums to the variance. A sine of whole
// cycles and amplitude A has A^2/2 at its frequency.
std::vector<double> power_spectrum(std::span<const double> x);
// x[n] less its least-squares polynomial.
std::vector<double> without_trend(std::span<const double> x, int degree);

// Mean correlation of bins `lag` apart, [bins], of block (row, column) of a matrix [2 bins, 2 bins]
// of scaled histories; block 0 is SFR, block 1 log Z.
std::vector<double> correlation_by_lag(std::span<const double> matrix, int bins, int row,
                                       int column);

} // namespace lookback::tools
