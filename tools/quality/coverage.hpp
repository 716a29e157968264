// Is a posterior calibrated? Mocks of known truth, and draws from the posterior of each. What is
// wrong shows in one of these and not in others, so all are looked at:
//
//   too wide or narrow  intervals, z-scores, ranks
//   shifted             ranks, mean z-score
//   only the prior      contraction, TARP; ranks, intervals and z-scores are right then
//
// Ranks are exact for any number of draws: where truth and draws come from one distribution, the
// rank is uniform on 0 ... draws. Ties are broken by chance.
#pragma once

#include "engine/random.hpp"

#include <cstdint>
#include <span>
#include <vector>

namespace lookback::tools {

struct Mocks {
  std::int64_t count, draws, quantities;
  std::span<const double> truth;     // [count, quantities]
  std::span<const double> posterior; // [count, draws, quantities]
};

// Errors: sizes that disagree, fewer than 2 mocks or 3 draws, a value that is not finite.
void check(const Mocks& mocks);

// Number of draws below the truth; of those equal to it any number, all equally likely.
int rank_among(double truth, std::span<const double> draws, const Stream& chance);

// Simulation-based calibration (Talts et al. 2018, arXiv:1804.06788): number of draws below the
// truth, [count].
std::vector<int> sbc_ranks(const Mocks& mocks, std::int64_t quantity, std::uint64_t seed);

// TARP (Lemos et al. 2023, ICML, arXiv:2302.03026): number of draws nearer to the mock's reference
// point than the truth, [count]. Distances are in standard deviations of the truths. references
// [count, quantities] are functions of the mock's data and of chance, never of its truth otherwise;
// those that do not depend on the data cannot tell a posterior from the prior.
std::vector<int> tarp_ranks(const Mocks& mocks, std::span<const double> references,
                            std::uint64_t seed);

// Largest distance of the ranks' distribution from the uniform one on 0 ... draws; of TARP, max
// |ECP - alpha|.
double rank_ks(std::span<const int> ranks, std::int64_t draws);
// The distance exceeded by chance with this probability, for `count` ranks (Massart 1990; for
// discrete ranks the probability is less).
double ks_limit(std::int64_t count, double probability);

// Share of mocks whose truth lies in the central interval between two of its draws. `nominal` is
// what the interval holds, the nearest to `level` that the number of draws allows; error is the
// binomial one at `nominal`.
struct IntervalCoverage {
  double nominal, share, error;
};
IntervalCoverage interval_coverage(std::span<const int> ranks, std::int64_t draws, double level);

// (truth - mean)/(s sqrt(1 + 1/draws)) over the mocks: mean 0, and rms 1 for many draws (Student's
// t: sqrt((draws - 1)/(draws - 3)) for Gaussian posteriors).
struct ZScores {
  double mean, rms;
};
ZScores z_scores(const Mocks& mocks, std::int64_t quantity);

// 1 - mean variance of the posteriors / variance of the truths: what the data add to the prior.
double contraction(const Mocks& mocks, std::int64_t quantity);

} // namespace lookback::tools
