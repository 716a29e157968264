#include "tools/quality/covered_mock.hpp"

#include "engine/error.hpp"
#include "engine/random.hpp"
#include "physics/cosmology.hpp"
#include "tools/galaxy/mock_galaxy.hpp"
#include "tools/inference/chain_numbers.hpp"
#include "tools/inference/exact_mixture.hpp"
#include "tools/inference/history_at.hpp"
#include "tools/inference/most_probable.hpp"
#include "tools/quality/coverage.hpp"
#include "tools/quality/mock_quantities.hpp"

#include <chrono>
#include <memory>

namespace lookback::tools {

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;

namespace {

// A seed of a mock's own for each use.
enum class Use : std::uint32_t { geometry = 1, truth, posterior, prior };
std::uint64_t seed_of(const MockInputs& in, std::int64_t mock, Use use) {
  const Stream stream{.seed = in.seed,
                      .purpose = Purpose::observation_noise,
                      .object = std::uint32_t(mock),
                      .draw = std::uint32_t(use)};
  const PhiloxBlock words = stream.words(0);
  return std::uint64_t(words.word[0]) << 24 | words.word[1] >> 8; // below 2^56
}

// A mock's data, and draws from its posterior. All x are [L, 2], above u of A_V where it is fitted.
struct Drawn {
  std::shared_ptr<const WhitenedData> data;
  VectorXd truth;
  MatrixXd posterior; // [D, draws]
  Diagnostics diagnostics;
};

MockGalaxy observe(const MockInputs& in, const MockOptions& o, const physics::Nuisance& nuisance,
                   const VectorXd& history, std::int64_t mock) {
  const Stream noise{
      .seed = in.seed, .purpose = Purpose::observation_noise, .object = std::uint32_t(mock)};
  return {in.grid, in.bins, nuisance, in.wavelength_angstrom,
          history, o.snr,   noise,    in.prior.normalization};
}

std::shared_ptr<const WhitenedData> compressed(const MockInputs& in, const MockGalaxy& galaxy) {
  return std::make_shared<const SpectrumData>(compressed_spectrum(
      galaxy.model, in.grid.log_z_zsun, galaxy.likelihood, in.prior.normalization));
}

// Histories, and a row of A_V where it is fitted, as x.
MatrixXd variables_with_dust(const MockInputs& in, const MatrixXd& rows) {
  const Index D = Index(in.prior.normalization.mean.size());
  MatrixXd x(rows.rows(), rows.cols());
  x.topRows(D) = variables_of(rows.topRows(D), in.prior.normalization);
  x.bottomRows(rows.rows() - D) =
      rows.bottomRows(rows.rows() - D).unaryExpr([&](double a_v) { return in.a_v.u_of(a_v); });
  return x;
}

// Draws of the network, as histories.
MatrixXd histories_of_prior(const MockInputs& in, std::int64_t count, std::uint64_t seed) {
  const ChainOptions chains{.count = count, .steps = 40, .seed = seed};
  return prior_method(in.prior, "heun", chains).run([] {});
}

VectorXd true_history(const MockInputs& in, const MockOptions& o, std::int64_t mock) {
  if (o.control == "none") return in.histories.col(mock);
  constexpr std::int64_t trials = 16;
  const MatrixXd draws = histories_of_prior(in, trials, seed_of(in, mock, Use::truth));
  for (const auto& draw : draws.colwise())
    if (formed_msun(in, draw) >= o.min_mass_msun) return draw;
  fail("none of ", trials, " draws of the prior formed ", o.min_mass_msun,
       " Msun; give a lower --min-mass");
}

Drawn by_method(const MockInputs& in, const MockOptions& o, const physics::Nuisance& nuisance,
                std::int64_t mock) {
  const VectorXd history = true_history(in, o, mock);
  const MockGalaxy galaxy = observe(in, o, nuisance, history, mock);
  Posterior posterior{
      in.prior, galaxy.model, in.grid.log_z_zsun, galaxy.likelihood, {}, [&](const auto& other) {
        return physics::GalaxyModel(in.grid, in.bins, other,
                                    physics::spectrograph(in.wavelength_angstrom));
      }};
  VectorXd truth = history;
  if (o.fit_a_v) {
    posterior.free.push_back(in.a_v);
    truth.conservativeResize(history.size() + 1);
    truth[history.size()] = nuisance.a_v;
  }
  const Method method = posterior_method(
      posterior, o.method, {.count = o.draws, .seed = seed_of(in, mock, Use::posterior)});
  const MatrixXd draws = method.run([] {}); // rows of a noise model, if any, come last
  return {method.data ? method.data : compressed(in, galaxy), variables_with_dust(in, truth),
          variables_with_dust(in, draws.topRows(truth.size())), method.diagnose()};
}

// The mixture is the prior, and S is linear: that of a mock of the prior's mean history, there.
Drawn exactly(const MockInputs& in, const MockOptions& o, const physics::Nuisance& nuisance,
              std::int64_t mock) {
  const VectorXd mean = VectorXd::Zero(in.mixture->dimension());
  const MockGalaxy galaxy =
      observe(in, o, nuisance, history_at(mean, in.prior.normalization), mock);
  const VectorXd truth = draws_of(*in.mixture, 1, seed_of(in, mock, Use::truth));
  const MatrixXd a = compressed(in, galaxy)->jacobian(mean);
  const Stream noise{.seed = seed_of(in, mock, Use::truth), .purpose = Purpose::observation_noise};
  VectorXd y = a * truth;
  for (Index i = 0; i < y.size(); ++i) y[i] += noise.normal(std::uint64_t(i));
  const auto data = std::make_shared<const LinearData>(a, y);
  return {data,
          truth,
          draws_of(exact_posterior(*in.mixture, *data), o.draws, seed_of(in, mock, Use::posterior)),
          {}};
}

MatrixXd draws_of_prior(const MockInputs& in, const MockOptions& o, std::int64_t mock) {
  const std::uint64_t seed = seed_of(in, mock, Use::prior);
  if (o.exact()) return draws_of(*in.mixture, o.draws, seed);
  const MatrixXd x = variables_of(histories_of_prior(in, o.draws, seed), in.prior.normalization);
  if (!o.fit_a_v) return x;
  MatrixXd with_dust(x.rows() + 1, x.cols());
  with_dust << x, chain_normals(1, 0, x.cols(), seed, 1, Purpose::sampler_start);
  return with_dust;
}

// Draws made wrong on purpose.
MatrixXd planted(const MatrixXd& x, const MockInputs& in, const MockOptions& o, std::int64_t mock) {
  if (o.plant == "none") return x;
  if (o.plant == "prior") return draws_of_prior(in, o, mock);
  const VectorXd mean = x.rowwise().mean();
  const MatrixXd from_mean = x.colwise() - mean;
  if (o.plant == "shift")
    return x.colwise() + (from_mean.rowwise().squaredNorm() / double(x.cols() - 1)).cwiseSqrt();
  return ((o.plant == "widen" ? 1.5 : 0.67) * from_mean).colwise() + mean;
}

// Places of the truth among the draws, [2 bins]: rates above metallicities; -1 where the bin lies
// after the epoch of observation.
std::vector<std::int64_t> bin_ranks(const QuantitiesOf& quantities, const Drawn& d,
                                    const MatrixXd& draws, std::uint64_t seed, std::int64_t mock) {
  const std::vector<double> truth = quantities.bin_values(d.truth);
  const Index bins = Index(truth.size()) / 2, count = draws.cols();
  MatrixXd drawn(count, 2 * bins);
  for (Index s = 0; s < count; ++s) {
    const std::vector<double> values = quantities.bin_values(draws.col(s));
    drawn.row(s) = Eigen::RowVectorXd::Map(values.data(), 2 * bins);
  }
  std::vector<std::int64_t> ranks(truth.size(), -1);
  for (Index i = 0; i < 2 * bins; ++i) {
    if (i % bins >= quantities.formed()) continue;
    const Stream chance{.seed = seed,
                        .purpose = Purpose::shuffle,
                        .object = std::uint32_t(i),
                        .draw = std::uint32_t(mock),
                        .step = 1};
    ranks[std::size_t(i)] =
        rank_among(truth[std::size_t(i)], {drawn.col(i).data(), std::size_t(count)}, chance);
  }
  return ranks;
}

void keep_numbers(const Diagnostics& diagnostics, CoveredMock& m) {
  for (const auto& [name, value] : diagnostics.attributes) {
    if (const auto* number = std::get_if<double>(&value)) m.diagnostics.emplace_back(name, *number);
    if (const auto* whole = std::get_if<std::int64_t>(&value))
      m.diagnostics.emplace_back(name, double(*whole));
  }
}

} // namespace

double formed_msun(const MockInputs& in, const VectorXd& history) {
  constexpr double yr_per_gyr = 1e9;
  const physics::ObservedBins seen =
      physics::observe(in.bins, physics::age_gyr(in.redshift.second));
  return yr_per_gyr * history.head(in.bins.count()).cwiseMax(0.0).dot(seen.duration_gyr);
}

MockShape shape_of(const MockInputs& in, const MockOptions& o) {
  return {std::int64_t(mock_quantities().size()) + o.fit_a_v, o.draws, in.bins.count()};
}

CoveredMock run_mock(const MockInputs& in, const MockOptions& o, std::int64_t mock) {
  const Stream geometry{.seed = seed_of(in, mock, Use::geometry)};
  const auto [nearest, farthest] = in.redshift;
  CoveredMock m;
  m.history = in.rows.empty() ? mock : in.rows[std::size_t(mock)];
  m.redshift = nearest + (farthest - nearest) * geometry.uniform(0);
  m.a_v = in.a_v.low + (in.a_v.high - in.a_v.low) * geometry.uniform(1);
  const physics::Nuisance nuisance{.a_v = m.a_v, .redshift = m.redshift};
  const auto start = std::chrono::steady_clock::now();
  const Drawn d = o.exact() ? exactly(in, o, nuisance, mock) : by_method(in, o, nuisance, mock);
  m.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  m.data_size = d.data->size();
  const MatrixXd draws = planted(d.posterior, in, o, mock);
  const VectorXd estimate = most_probable(*d.data, d.truth.size());
  const QuantitiesOf quantities(in.prior.normalization, in.bins, m.redshift, *d.data, estimate,
                                o.fit_a_v ? std::optional(in.a_v) : std::nullopt);
  m.truth = quantities(d.truth);
  m.reference = quantities(estimate);
  for (Index s = 0; s < draws.cols(); ++s) {
    const std::vector<double> values = quantities(draws.col(s));
    m.posterior.insert(m.posterior.end(), values.begin(), values.end());
  }
  const std::vector<std::int64_t> ranks = bin_ranks(quantities, d, draws, in.seed, mock);
  const auto middle = ranks.begin() + in.bins.count();
  m.sfr_rank.assign(ranks.begin(), middle);
  m.log_z_rank.assign(middle, ranks.end());
  keep_numbers(d.diagnostics, m);
  return m;
}

} // namespace lookback::tools
