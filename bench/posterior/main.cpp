// Which posterior method is right? Priors with a score in closed form, so that only the method
// errs, and three problems: Gaussian prior and linear data, mixture prior and linear data (both
// with exact answers), mixture prior and the nonlinear spectrum (a long reference run). The tables
// are those of Adam et al.'s and other methods under one roof; chains of one seed, so that rows are
// compared with the floor, which exact draws reach.
#include "bench/posterior/distance.hpp"
#include "bench/posterior/methods.hpp"
#include "bench/posterior/moments.hpp"
#include "engine/error.hpp"

#include <CLI/CLI.hpp>
#include <Eigen/Cholesky>
#include <Eigen/Eigenvalues>

#include <chrono>
#include <cmath>
#include <cstdio>

using namespace lookback;
using namespace lookback::bench;
using namespace lookback::tools;
using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;

namespace {

struct Options {
  std::filesystem::path ssp;
  std::int64_t chains = 200;
  int mocks = 3;
  bool all = false;
  std::string only;
};

double seconds() {
  using namespace std::chrono;
  return duration<double>(steady_clock::now().time_since_epoch()).count();
}

// log10 mass is nearly linear in x at one galaxy: the mass itself, sum of SFR, in posterior sigma.
VectorXd mass_direction(const Problem& p) {
  VectorXd w = VectorXd::Zero(p.a.cols());
  for (Index l = 0; l < w.size() / 2; ++l) w[2 * l] = p.normalization.std[std::size_t(l)];
  return w;
}

void moments_table(const Problem& p) {
  std::printf("\nGaussian prior, linear data, infinitely small steps (moments of the reverse SDE)\n"
              "%-16s %9s %24s %11s %11s\n",
              "method", "bias", "std ratio [min, max]", "mass shift", "mass ratio");
  const LinearData data = linear_mock(p, 0);
  const GaussianMixture exact = exact_posterior(*p.prior, compressed(data));
  const MatrixXd c = exact.covariance(0);
  const Eigen::LLT<MatrixXd> llt(c);
  const VectorXd w = mass_direction(p);
  const double mass_sigma = std::sqrt(w.dot(c * w));
  for (const Moments& m : limiting_moments(*p.prior, data)) {
    const VectorXd shift = m.mean - exact.mean().col(0);
    const Eigen::ArrayXd ratio = (m.covariance.diagonal().array() / c.diagonal().array()).sqrt();
    std::printf("%-16s %9.3f %8.3f [%6.3f, %6.3f] %11.2f %11.3f\n", m.method.c_str(),
                llt.matrixL().solve(shift).norm() / std::sqrt(double(w.size())), ratio.mean(),
                ratio.minCoeff(), ratio.maxCoeff(), w.dot(shift) / mass_sigma,
                std::sqrt(w.dot(m.covariance * w)) / mass_sigma);
  }
}

// Mean and covariance of many draws against the closed form, in Monte Carlo errors.
void closed_form(const Problem& p, std::int64_t draws) {
  const LinearData data = compressed(linear_mock(p, 0));
  const GaussianMixture exact = exact_posterior(*p.prior, data);
  const Eigen::LLT<MatrixXd> llt(exact.covariance(0));
  const MixtureDenoiser denoiser(*p.prior);
  const double n = double(draws), dimension = double(p.a.cols());
  std::printf(
      "\nGaussian prior, linear data, %lld draws against the closed form, in Monte Carlo "
      "errors\n(of %.0f means and %.0f covariances the largest is %.1f and %.1f by chance)\n",
      (long long)draws, dimension, dimension * (dimension + 1) / 2,
      std::sqrt(2 * std::log(dimension)), std::sqrt(2 * std::log(dimension * dimension / 2)));
  std::printf("%-28s %12s %12s %12s %12s\n", "method", "rms mean", "largest", "rms cov", "largest");
  const auto row = [&](const char* name, const MatrixXd& x) {
    const MatrixXd white = llt.matrixL().solve(x.colwise() - exact.mean().col(0));
    const Eigen::ArrayXd mean = white.rowwise().mean().array() * std::sqrt(n);
    Eigen::ArrayXXd c =
        (white * white.transpose() / n - MatrixXd::Identity(white.rows(), white.rows())).array() *
        std::sqrt(n);
    c.matrix().diagonal() /= std::sqrt(2.0); // the variance of a variance is 2, of a covariance 1
    std::printf("%-28s %12.2f %12.2f %12.2f %12.2f\n", name, std::sqrt(mean.square().mean()),
                mean.abs().maxCoeff(), std::sqrt(c.square().mean()), c.abs().maxCoeff());
    std::fflush(stdout);
  };
  row("exact draws", draws_of(exact, draws, 77));
  MixtureConditional conditional(*p.prior);
  for (const int levels : {10, 20, 40})
    row(("dkps, " + std::to_string(levels) + " levels").c_str(),
        sample_dkps(denoiser, conditional, data, 0, draws, {.levels = levels}).x);
  for (const Guidance guidance : {Guidance::pigdm, Guidance::cla})
    row(guidance == Guidance::cla ? "cla, ancestral, 100 levels" : "pigdm, ancestral, 100 levels",
        sample_guided(denoiser, data, 0, draws, {.guidance = guidance, .levels = 100}));
}

void print(const std::string& name, double means, double vjps, std::span<const Distance> found,
           double time) {
  Distance mean{0, 0, 0};
  double scatter = 0;
  for (const Distance& d : found) {
    mean.bias += d.bias / double(found.size());
    mean.std50 += d.std50 / double(found.size());
    mean.sliced_wasserstein += d.sliced_wasserstein / double(found.size());
  }
  for (const Distance& d : found)
    scatter += std::pow(d.sliced_wasserstein - mean.sliced_wasserstein, 2);
  scatter =
      found.size() > 1 ? std::sqrt(scatter / double(found.size() - 1) / double(found.size())) : 0;
  std::printf("%-52s %6.0f %8.0f %8.2f %8.2f %8.2f +- %.2f %8.1f\n", name.c_str(), means, vjps,
              mean.bias, mean.std50, mean.sliced_wasserstein, scatter, time);
  std::fflush(stdout);
}

struct Mock {
  const WhitenedData* data;
  const nn::Likelihood* pixels;
  Reference reference;
  MatrixXd exact; // as many draws as the methods make
};

void table(const Options& o, const GaussianMixture& prior, std::span<const Mock> mocks,
           const std::vector<Row>& rows) {
  std::printf("%-52s %6s %8s %8s %8s %16s %8s\n", "method", "means", "vjps", "bias", "std50", "SW",
              "s/mock");
  std::vector<Distance> floor;
  for (const Mock& m : mocks) floor.push_back(m.reference.distance(m.exact));
  print("draws of the reference", 0, 0, floor, 0);
  const MixtureDenoiser denoiser(prior);
  for (const Row& row : rows) {
    if (row.slow && !o.all) continue;
    const CountingDenoiser counting(denoiser);
    std::vector<Distance> found;
    const double start = seconds();
    std::string failure;
    for (const Mock& m : mocks) {
      try {
        found.push_back(m.reference.distance(row.run(counting, {m.data, m.pixels}, o.chains)));
      } catch (const Error& error) {
        failure = error.what();
      }
    }
    const double chains = double(o.chains) * double(mocks.size());
    if (failure.empty())
      print(row.name, double(counting.means) / chains, double(counting.vjps) / chains, found,
            (seconds() - start) / double(mocks.size()));
    else
      std::printf("%-52s diverges: %s\n", row.name.c_str(), failure.c_str());
    std::fflush(stdout);
  }
}

std::vector<std::pair<std::string, GaussianMixture>> surrogates_of(const GaussianMixture& prior) {
  std::vector<std::pair<std::string, GaussianMixture>> all;
  const MatrixXd draws = draws_of(prior, 15000, 5);
  for (const Index k : {6, 3, 1})
    all.emplace_back("surrogate of " + std::to_string(k), fit_mixture(draws, k, 3));
  return all;
}

void linear_table(const Options& o, const Problem& p, bool surrogates) {
  std::vector<LinearData> whole, small;
  for (int i = 0; i < o.mocks; ++i) whole.push_back(linear_mock(p, std::uint32_t(i)));
  for (const LinearData& data : whole) small.push_back(compressed(data));
  std::vector<std::unique_ptr<LinearPixels>> pixels;
  std::vector<Mock> mocks;
  for (std::size_t i = 0; i < small.size(); ++i) {
    pixels.push_back(std::make_unique<LinearPixels>(whole[i]));
    const GaussianMixture exact = exact_posterior(*p.prior, small[i]);
    mocks.push_back({&small[i], pixels.back().get(),
                     Reference(draws_of(exact, 4000, 50 + std::uint32_t(i)), exact.overall_mean(),
                               exact.overall_covariance()),
                     draws_of(exact, o.chains, 90 + std::uint32_t(i))});
  }
  table(o, *p.prior, mocks,
        table_rows(*p.prior, surrogates ? surrogates_of(*p.prior)
                                        : std::vector<std::pair<std::string, GaussianMixture>>{}));
}

// The prior itself as the conditional at a noise level that says nothing: independence Metropolis
// moves between the peaks of its components (peak.hpp), which leave the exact posterior unchanged.
MatrixXd reference_run(const GaussianMixture& prior, const WhitenedData& data, std::int64_t count,
                       std::int64_t first, LevelReport& report) {
  constexpr double sigma = 1e4;
  MixtureConditional conditional(prior);
  const MatrixXd nothing = MatrixXd::Zero(prior.dimension(), count);
  return conditional_draws(conditional, data, nothing, MixtureDenoiser(prior).mean(nothing, sigma),
                           0, sigma, first, {.newton_steps = 30, .moves = 1000}, &report);
}

void nonlinear_table(const Options& o, const Problem& p) {
  constexpr std::int64_t reference_draws = 2000;
  std::vector<NonlinearMock> galaxies;
  std::vector<Mock> mocks;
  for (int i = 0; i < o.mocks; ++i) galaxies.push_back(nonlinear_mock(p, std::uint32_t(i)));
  for (const NonlinearMock& g : galaxies) {
    LevelReport report;
    const MatrixXd x = reference_run(*p.prior, *g.data, reference_draws + o.chains, 0, report);
    const MatrixXd all = x.leftCols(reference_draws);
    const VectorXd mean = all.rowwise().mean();
    const MatrixXd d = all.colwise() - mean;
    mocks.push_back({g.data.get(), g.likelihood.get(),
                     Reference(all, mean, d * d.transpose() / double(reference_draws - 1)),
                     x.rightCols(o.chains)});
    std::printf("mock %zu: reference of %lld chains of 1,000 moves, accepted %.3f\n", mocks.size(),
                (long long)reference_draws, report.accepted);
  }
  table(o, *p.prior, mocks, table_rows(*p.prior, surrogates_of(*p.prior)));
}

} // namespace

int main(int argc, char** argv) {
  Options o;
  CLI::App app("Posterior methods side by side on problems with known answers.");
  app.add_option("--ssp", o.ssp, "lookback-ssp grid; default: the built-in one");
  app.add_option("--chains", o.chains, "chains a method and mock");
  app.add_option("--mocks", o.mocks, "mocks a problem");
  app.add_option("--only", o.only,
                 "one of the parts: moments, closed, gaussian, mixture, nonlinear");
  app.add_flag("--all", o.all, "the slow rows too");
  CLI11_PARSE(app, argc, argv);
  try {
    const auto asked = [&](const char* part) { return o.only.empty() || o.only == part; };
    if (asked("moments") || asked("closed") || asked("gaussian")) {
      const Problem gaussian = make_problem(o.ssp, 1, 1);
      if (asked("moments")) moments_table(gaussian);
      if (asked("closed")) closed_form(gaussian, 10000);
      if (asked("gaussian")) {
        std::printf("\n(a) Gaussian prior, linear data, %lld chains on %d mocks\n",
                    (long long)o.chains, o.mocks);
        linear_table(o, gaussian, false);
      }
    }
    if (asked("mixture") || asked("nonlinear")) {
      const Problem mixture = make_problem(o.ssp, 12, 1);
      if (asked("mixture")) {
        std::printf("\n(b) prior of 12 Gaussians, linear data, %lld chains on %d mocks\n",
                    (long long)o.chains, o.mocks);
        linear_table(o, mixture, true);
      }
      if (asked("nonlinear")) {
        std::printf("\n(c) prior of 12 Gaussians, the spectrum itself, %lld chains on %d mocks\n",
                    (long long)o.chains, o.mocks);
        nonlinear_table(o, mixture);
      }
    }
  } catch (const std::exception& error) {
    std::fprintf(stderr, "posterior_methods: %s\n", error.what());
    return 2;
  }
}
