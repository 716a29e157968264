#include "tools/inference/level_on_device.hpp"

#include "cuda/cuda_backend.cuh"
#include "tools/inference/peak_on_device.cuh"

#include <cmath>

namespace lookback::tools {
namespace {

constexpr int blocks_at_once = 2; // on a multiprocessor: half of its registers each

struct Problem {
  Spectrum spectrum;
  int chains, newton_steps, moves;
  Stream numbers;
  const double *sigma, *level, *factors, *x_t, *mean;
  const double *log_weight, *component_mean, *basis, *variance;
  double *log_weights, *component_means; // [chains, K] and [chains, K, D], given x_t
  double *peaks, *rooms;                 // [chains, K] and [blocks]
  Index peak_doubles, room_doubles;
  double *proposals, *log_ratio, *decision; // [chains, moves + 1, X] and [chains, moves + 1]
  double *x, *accepted, *pull;

  __device__ double sigma_now() const { return sigma[int(*level)]; }
  __device__ Peak peak(int chain, int k) const {
    Arrays a{peaks + (Index(chain) * spectrum.sizes.K + k) * peak_doubles};
    return {a, spectrum.sizes};
  }
  __device__ Room room() const {
    Arrays a{rooms + Index(blockIdx.x) * room_doubles};
    return {a, spectrum.sizes};
  }
};

// A block for each level and component.
__global__ void factors_kernel(int D, int components, const double* basis, const double* variance,
                               const double* sigma, double* factors, double* room) {
  const int k = int(blockIdx.x) % components;
  const double s = sigma[int(blockIdx.x) / components];
  const double *u = basis + Index(k) * D * D, *v = variance + Index(k) * D;
  double *a = factors + Index(blockIdx.x) * D * D, *inverse = room + Index(blockIdx.x) * D;
  const double trace = sum_of(D, [&](int i) { return v[i] * s * s / (v[i] + s * s); });
  const double jitter = 1e-12 * trace / D; // as conditional_prior.cpp has it
  double added = 0;
  for (double add = jitter; add < 1e6 * jitter; add *= 100) {
    added += add;
    sum_terms(
        D * D, D,
        [&](int e, int i) {
          return u[i * D + e % D] * u[i * D + e / D] * (v[i] * s * s / (v[i] + s * s));
        },
        [&](int e, double sum) { a[e] = sum + (e % D == e / D ? added : 0); });
    if (cholesky(D, a, inverse)) return;
  }
}

// Weight and mean of component k given x_t; a block for each chain and component.
__global__ void conditional_kernel(Problem p) {
  const Sizes& s = p.spectrum.sizes;
  const int chain = int(blockIdx.x) / s.K, k = int(blockIdx.x) % s.K, D = s.D;
  const double sigma = p.sigma_now(), *x_t = p.x_t + Index(chain) * s.X;
  const double *u = p.basis + Index(k) * D * D, *v = p.variance + k * D,
               *mean = p.component_mean + k * D;
  double* shrunk = p.room().j; // X numbers at least
  sum_terms(
      D, D, [&](int i, int d) { return u[i * D + d] * (x_t[d] - mean[d]); },
      [&](int i, double sum) { shrunk[i] = sum; });
  const double square = sum_of(D, [&](int i) {
    const double total = v[i] + sigma * sigma;
    return log(total) + shrunk[i] * shrunk[i] / total;
  });
  for_each(D, [&](int i) { shrunk[i] *= v[i] / (v[i] + sigma * sigma); });
  sum_terms(
      D, D, [&](int d, int i) { return u[i * D + d] * shrunk[i]; },
      [&](int d, double sum) {
        p.component_means[(Index(chain) * s.K + k) * D + d] = mean[d] + sum;
      });
  if (threadIdx.x == 0) p.log_weights[chain * s.K + k] = p.log_weight[k] - 0.5 * square;
}

// The weight of component k among K of these logarithms.
__device__ double share_of(const double* logarithms, int K, int k) {
  double largest = logarithms[0], sum = 0;
  for (int i = 1; i < K; ++i) largest = max(largest, logarithms[i]);
  for (int i = 0; i < K; ++i) sum += exp(logarithms[i] - largest);
  return exp(logarithms[k] - largest) / sum;
}

__device__ Factor factor_of(const Problem& p, int k) {
  const Sizes& s = p.spectrum.sizes;
  const double sigma = p.sigma_now();
  return {p.factors + (Index(int(*p.level)) * s.K + k) * s.D * s.D, sigma / sqrt(1 + sigma * sigma),
          s.D};
}

// A block for each chain and component.
__global__ void __launch_bounds__(block_threads, blocks_at_once) peaks_kernel(Problem p) {
  const Sizes& s = p.spectrum.sizes;
  const int chain = int(blockIdx.x) / s.K, k = int(blockIdx.x) % s.K;
  const Peak peak = p.peak(chain, k);
  const double* logarithms = p.log_weights + chain * s.K;
  const double weight = share_of(logarithms, s.K, k);
  if (!(weight > peak_numbers::negligible_weight)) {
    if (threadIdx.x == 0) *peak.log_evidence = -INFINITY, *peak.rank = 0;
    return;
  }
  const double* means = p.component_means + Index(chain) * s.K * s.D;
  for_each(s.X, [&](int d) {
    double value = p.mean[Index(chain) * s.X + d];
    if (d < s.D) {
      value += means[k * s.D + d];
      for (int i = 0; i < s.K; ++i) value -= share_of(logarithms, s.K, i) * means[i * s.D + d];
    }
    peak.mean[d] = value;
  });
  const Room room = p.room();
  const Factor factor = factor_of(p, k);
  const double cost = climb(p.spectrum, peak, room, factor, p.newton_steps);
  const int rank = straighten(p.spectrum, peak, room, factor);
  double log_width = 0;
  for (int a = 0; a < rank; ++a) log_width += log(peak.width[a * rank + a]);
  if (threadIdx.x == 0) {
    *peak.cost = cost, *peak.log_width = log_width, *peak.rank = rank;
    *peak.log_evidence = log(weight) - cost - log_width;
  }
}

// A block for each chain and proposal.
__global__ void __launch_bounds__(block_threads, blocks_at_once) propose_kernel(Problem p) {
  const Sizes& s = p.spectrum.sizes;
  const int proposals = p.moves + 1, chain = int(blockIdx.x) / proposals;
  Stream numbers = p.numbers;
  numbers.object = unsigned(blockIdx.x) % unsigned(proposals);
  numbers.draw += unsigned(chain);
  numbers.step = unsigned(*p.level);
  // As ChainNumbers has them: two uniform numbers with a block of four each, then the normal ones.
  const double u = numbers.uniform(4);
  double best = -INFINITY, total = 0, sum = 0;
  for (int k = 0; k < s.K; ++k) best = max(best, *p.peak(chain, k).log_evidence);
  for (int k = 0; k < s.K; ++k) total += exp(*p.peak(chain, k).log_evidence - best);
  int chosen = 0;
  for (int k = 0; k < s.K; ++k) {
    const double share = exp(*p.peak(chain, k).log_evidence - best) / total;
    if (!(share > 0)) continue;
    chosen = k;
    sum += share;
    if (u <= sum) break;
  }
  const Peak peak = p.peak(chain, chosen);
  const Room room = p.room();
  const int rank = *peak.rank;
  double* const numbers_of_rank = room.search;
  const Search f{p.spectrum,
                 peak,
                 room,
                 rank,
                 room.towards,
                 room.e,
                 numbers_of_rank,
                 numbers_of_rank + rank,
                 numbers_of_rank + 2 * rank,
                 numbers_of_rank + 3 * rank};
  for_each(s.X, [&](int d) { room.e[d] = numbers.normal(std::uint64_t(8 + d)); });
  for_each(rank, [&](int i) { f.along[i] = numbers.normal(std::uint64_t(8 + s.X + i)); });
  sum_terms(
      rank, s.X, [&](int i, int d) { return peak.latent[i * s.X + d] * room.e[d]; },
      [&](int i, double sum) { f.off[i] = sum; });
  for_each(s.X, [&](int d) {
    for (int i = 0; i < rank; ++i) room.e[d] -= peak.latent[i * s.X + d] * f.off[i];
  });
  const Factor factor = factor_of(p, chosen);
  for_each(s.X, [&](int d) { room.towards[d] = peak.mean[d] + factor.times(room.e, d); });
  const double log_ratio = propose(f);
  if (log_ratio == -INFINITY)
    for_each(s.X, [&](int d) { room.x[d] = peak.mean[d] + factor.times(peak.mode, d); });
  for_each(s.X, [&](int d) { p.proposals[Index(blockIdx.x) * s.X + d] = room.x[d]; });
  if (threadIdx.x == 0) {
    p.log_ratio[blockIdx.x] = log_ratio;
    p.decision[blockIdx.x] = numbers.uniform(0);
  }
}

// The chain's independence Metropolis moves; a block for each chain.
__global__ void accept_kernel(Problem p) {
  const Sizes& s = p.spectrum.sizes;
  const int chain = int(blockIdx.x), first = chain * (p.moves + 1);
  int at = first, accepted = 0;
  for (int move = first + 1; move <= first + p.moves; ++move) {
    if (!(log(p.decision[move]) < p.log_ratio[move] - p.log_ratio[at] ||
          !isfinite(p.log_ratio[at])))
      continue;
    at = move;
    ++accepted;
  }
  for_each(s.X, [&](int d) { p.x[Index(chain) * s.X + d] = p.proposals[Index(at) * s.X + d]; });
  int likeliest = 0;
  for (int k = 1; k < s.K; ++k)
    if (*p.peak(chain, k).log_evidence > *p.peak(chain, likeliest).log_evidence) likeliest = k;
  const Index place = Index(int(*p.level)) * p.chains + chain;
  if (threadIdx.x == 0) {
    p.accepted[place] = p.moves > 0 ? double(accepted) / p.moves : 0;
    p.pull[place] = 2 * *p.peak(chain, likeliest).cost / s.S;
  }
}

__global__ void network_input_kernel(Index n, int D, int X, const double* x_t, float* x) {
  for (Index i = first_element(); i < n; i += element_stride())
    x[i] = float(x_t[i / D * X + i % D]);
}

__global__ void denoised_kernel(Index n, int D, int X, const double* x_t, const float* r,
                                const double* sigma, const double* level, double* mean) {
  const double s = sigma[int(*level)];
  for (Index i = first_element(); i < n; i += element_stride()) {
    const Index chain = i / X, d = i % X;
    mean[i] = d < D ? x_t[i] + s * double(r[chain * D + d]) : x_t[i] / (1 + s * s);
  }
}

__global__ void next_level_kernel(Index n, int levels, const double* x, const double* z,
                                  const double* sigma, const double* level, double* x_t) {
  const int next = int(*level) + 1;
  const double s = next < levels ? sigma[next] : 0;
  for (Index i = first_element(); i < n; i += element_stride()) x_t[i] = x[i] + s * z[i];
}

Launch launch(const char* kernel, const Tensor& x) {
  return {static_cast<const CudaBackend&>(x.backend()).stream(), kernel, x.shape()};
}

// The doubles that one of these takes.
template <class Piece> Index size_of_piece(const Sizes& s) {
  Arrays counted{nullptr};
  const Piece piece(counted, s);
  return counted.used;
}

Sizes sizes_of(const LevelOnDevice& level) {
  const SpectrumOnDevice& s = level.spectrum;
  const int D = 2 * s.bins, X = D + s.free;
  return {D,      s.free,   X,
          s.size, s.nodes,  int(level.mixture.log_weight.size()),
          s.bins, s.formed, std::min(s.size, X)};
}

Spectrum spectrum_of(const SpectrumOnDevice& s, const Sizes& sizes) {
  Spectrum result{sizes,
                  s.asinh,
                  s.metallicities,
                  s.floor,
                  {},
                  s.y.data<double>(),
                  s.r.data<double>(),
                  s.log_z.data<double>(),
                  s.mean.data<double>(),
                  s.std.data<double>(),
                  s.axes.data<double>()};
  std::copy(s.parameter.begin(), s.parameter.end(), result.parameter);
  return result;
}

} // namespace

void make_factors(const MixtureOnDevice& m, const Tensor& sigma, const Tensor& factors) {
  const Index K = m.log_weight.size(), D = m.mean.shape()[1];
  const Tensor room({sigma.size() * K, D}, DType::f64, factors.backend());
  launch("factors", factors)
      .blocks(factors_kernel, sigma.size() * K, D, K, m.basis.data<double>(),
              m.variance.data<double>(), sigma.data<double>(), factors.data<double>(),
              room.data<double>());
}

void network_input(const Tensor& x_t, const Tensor& x) {
  const Index B = x.shape()[0];
  launch("network_input", x)
      .elements(network_input_kernel, x.size(), x.size(), x.size() / B, x_t.size() / B,
                x_t.data<double>(), x.data<float>());
}

void denoised(const LevelOnDevice& l, const Tensor& r) {
  const Sizes s = sizes_of(l);
  launch("denoised", l.mean)
      .elements(denoised_kernel, l.mean.size(), l.mean.size(), s.D, s.X, l.x_t.data<double>(),
                r.data<float>(), l.sigma.data<double>(), l.level.data<double>(),
                l.mean.data<double>());
}

void draw_level(const LevelOnDevice& l) {
  Backend& backend = l.x.backend();
  const Sizes s = sizes_of(l);
  const Index B = l.x.shape()[0], proposals = B * (l.moves + 1), peaks = B * s.K;
  const Index of_peak = size_of_piece<Peak>(s), of_room = size_of_piece<Room>(s);
  const auto array = [&](Index n) { return Tensor({n}, DType::f64, backend); };
  const Tensor log_weights = array(peaks), means = array(peaks * s.D),
               stored = array(peaks * of_peak), rooms = array(std::max(peaks, proposals) * of_room),
               points = array(proposals * s.X), log_ratio = array(proposals),
               decision = array(proposals);
  const Problem p{spectrum_of(l.spectrum, s),
                  int(B),
                  l.newton_steps,
                  l.moves,
                  l.numbers,
                  l.sigma.data<double>(),
                  l.level.data<double>(),
                  l.factors.data<double>(),
                  l.x_t.data<double>(),
                  l.mean.data<double>(),
                  l.mixture.log_weight.data<double>(),
                  l.mixture.mean.data<double>(),
                  l.mixture.basis.data<double>(),
                  l.mixture.variance.data<double>(),
                  log_weights.data<double>(),
                  means.data<double>(),
                  stored.data<double>(),
                  rooms.data<double>(),
                  of_peak,
                  of_room,
                  points.data<double>(),
                  log_ratio.data<double>(),
                  decision.data<double>(),
                  l.x.data<double>(),
                  l.accepted.data<double>(),
                  l.pull.data<double>()};
  launch("conditional", l.x).blocks(conditional_kernel, peaks, p);
  launch("peaks", l.x).blocks(peaks_kernel, peaks, p);
  launch("propose", l.x).blocks(propose_kernel, proposals, p);
  launch("accept", l.x).blocks(accept_kernel, B, p);
}

void next_level(const LevelOnDevice& l, const Tensor& z) {
  launch("next_level", l.x)
      .elements(next_level_kernel, l.x.size(), l.x.size(), l.sigma.size(), l.x.data<double>(),
                z.data<double>(), l.sigma.data<double>(), l.level.data<double>(),
                l.x_t.data<double>());
}

} // namespace lookback::tools
