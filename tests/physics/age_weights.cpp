#include "physics/age_weights.hpp"

#include "physics/cosmology.hpp"
#include "tests/golden.hpp"
#include "tests/physics/galaxies.hpp"

#include <algorithm>
#include <doctest/doctest.h>

using namespace lookback;
using namespace lookback::physics;
using Eigen::Index;

namespace {

const Eigen::VectorXd nodes{{0.001, 0.02, 0.3, 1, 5, 12}};

// The interpolant of node values at one age, by its definition.
double interpolate(const Eigen::VectorXd& values, double age) {
  const Index last = nodes.size() - 1;
  if (age <= nodes[0]) return values[0];
  if (age >= nodes[last]) return values[last];
  Index k = 0;
  while (nodes[k + 1] < age) ++k;
  const double share = std::log(age / nodes[k]) / std::log(nodes[k + 1] / nodes[k]);
  return (1 - share) * values[k] + share * values[k + 1];
}

// Mean of f over [low, high] by the midpoint rule, split at the nodes: error of order 1/n^2.
template <class F> double midpoint_mean(F f, double low, double high, int n) {
  std::vector<double> cuts = {low, high};
  for (const double node : nodes)
    if (node > low && node < high) cuts.push_back(node);
  std::sort(cuts.begin(), cuts.end());
  double sum = 0;
  for (std::size_t c = 1; c < cuts.size(); ++c)
    for (int i = 0; i < n; ++i)
      sum += f(cuts[c - 1] + (i + 0.5) * (cuts[c] - cuts[c - 1]) / n) * (cuts[c] - cuts[c - 1]) / n;
  return sum / (high - low);
}

} // namespace

TEST_CASE("age weights agree with the golden ones at every redshift") {
  const auto path = test::golden("physics/csp.h5");
  if (path.empty()) return;
  const H5Reader file(path);
  const Eigen::VectorXd ages = test::vector(file.read<double>("ssp/age"));
  const TimeBins bins{file.read<double>("bin_edges")};
  for (const auto& [group, z] :
       {std::pair{"z0.0", 0.0}, {"z0.05", 0.05}, {"z0.0873", 0.0873}, {"z0.5", 0.5}}) {
    const Eigen::MatrixXd weights = age_weights(observe(bins, age_gyr(z)), ages);
    const auto expected = file.read<double>(std::string(group) + "/W_logage", {64, 16});
    double largest = 0;
    for (Index i = 0; i < 64; ++i)
      for (Index a = 0; a < 16; ++a)
        largest = std::max(largest, std::abs(weights(i, a) - expected[i * 16 + a]));
    MESSAGE("redshift " << z << ": largest difference of a weight " << largest);
    CHECK(largest < 1e-12);
  }
}

TEST_CASE("the other age rules agree with their golden weights") {
  const auto path = test::golden("physics/csp.h5");
  if (path.empty()) return;
  const H5Reader file(path);
  const Eigen::VectorXd ages = test::vector(file.read<double>("ssp/age"));
  const ObservedBins seen = observe({file.read<double>("bin_edges")}, age_gyr(0.0873));
  for (const auto& [rule, name] :
       {std::pair{AgeRule::bin_centre, "W_centre_logage"}, {AgeRule::linear_in_age, "W_linage"}}) {
    const auto values = file.read<double>(std::string("z0.0873/") + name);
    const Eigen::MatrixXd wanted =
        Eigen::Map<const Eigen::MatrixXd>(values.data(), 16, 64).transpose();
    CHECK((age_weights(seen, ages, rule) - wanted).cwiseAbs().maxCoeff() < 1e-11);
  }
}

TEST_CASE("512 even ages err in young bins as measured with the peers' code") {
  const auto peers = test::golden("physics/csp_peers.h5"), bc03 = test::golden("ssp/bc03_miles.h5");
  if (peers.empty() || bc03.empty()) return;
  const H5Reader file(peers), library(bc03);
  const Eigen::VectorXd ages = test::vector(library.read<double>("age_gyr"));
  const Eigen::VectorXd axis = test::vector(library.read<double>("wavelength_angstrom"));
  const auto flux = library.read<float>("flux_lsun_per_angstrom_per_msun");
  constexpr Index solar = 4;
  const float* begin = flux.data() + solar * ages.size() * axis.size();
  const Eigen::MatrixXd spectra =
      Eigen::Map<const Eigen::MatrixXf>(begin, axis.size(), ages.size()).cast<double>();
  const auto sampled = file.read<double>("age_rule_bc03/lambda"); // the last one is bolometric
  const double width = age_gyr(0) / 64;
  for (const auto& [name, bin] :
       {std::pair{"bin 0-215.6 Myr", 0}, {"bin 215.6-431 Myr", 1}, {"bin 431-647 Myr", 2}}) {
    const ObservedBins seen = observe({{5, 5 + width}}, 5 + width * (bin + 1));
    const Eigen::VectorXd exact = spectra * age_weights(seen, ages).transpose();
    const Eigen::VectorXd even = spectra * age_weights(seen, ages, AgeRule::even_512).transpose();
    const auto wanted = file.read<double>(std::string("age_rule_bc03/") + name +
                                          "/even-512 nodes, linear, exact integral");
    // The file at hand has every second age of the one that the peers used; over 0.1 dex in age the
    // mean flux of a bin bends by less than a per cent.
    for (std::size_t l = 0; l + 1 < sampled.size(); ++l) {
      const Index k = std::lower_bound(axis.begin(), axis.end(), sampled[l]) - axis.begin();
      CHECK(std::abs(even[k] / exact[k] - 1 - wanted[l]) < 0.01);
    }
  }
}

TEST_CASE("age weights are the exact mean of the interpolant over each bin") {
  const ObservedBins bins = observe({{0, 2, 6, 10, 13, 13.7, 13.79, 15}}, 13.795);
  const Eigen::MatrixXd weights = age_weights(bins, nodes);
  const Eigen::MatrixXd moments = age_moment_weights(bins, nodes);
  const Eigen::VectorXd values{{9, 7, -4, 3, 2, 1}};
  for (Index i = 0; i < bins.formed; ++i) {
    const auto mean = [&](auto f) {
      return midpoint_mean(f, bins.youngest_gyr[i], bins.oldest_gyr[i], 20000);
    };
    const double flux = mean([&](double t) { return interpolate(values, t); });
    const double moment = mean([&](double t) { return t * interpolate(values, t); });
    CHECK(weights.row(i).dot(values) == doctest::Approx(flux).epsilon(1e-8));
    CHECK(moments.row(i).dot(values) == doctest::Approx(moment).epsilon(1e-8));
  }
}

TEST_CASE("age weights of a bin sum to one, and their moments to its mean age") {
  const ObservedBins bins = observe(equal_time_bins(64), 12.6);
  const Eigen::VectorXd sums = age_weights(bins, nodes).rowwise().sum();
  const Eigen::VectorXd moments = age_moment_weights(bins, nodes).rowwise().sum();
  for (Index i = 0; i < bins.formed; ++i) {
    CHECK(sums[i] == doctest::Approx(1).epsilon(1e-13));
    const double mean_age = (bins.youngest_gyr[i] + bins.oldest_gyr[i]) / 2;
    CHECK(moments[i] == doctest::Approx(mean_age).epsilon(1e-12));
  }
  CHECK(sums.tail(bins.count() - bins.formed).isZero(0));
}

TEST_CASE("a grid of one age gives it all the weight") {
  const Eigen::MatrixXd weights =
      age_weights(observe({{0, 1, 2}}, 2), Eigen::VectorXd::Constant(1, 0.5));
  CHECK(weights.isOnes(1e-15));
}
