#include "tools/inference/noise_model.hpp"

#include <Eigen/Cholesky>

#include <algorithm>
#include <cmath>

namespace lookback::tools {

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;

namespace {

constexpr double forgiven = 1 - 1 / (NoiseOptions::widening * NoiseOptions::widening);

// An interval that holds a density with one peak.
struct Support {
  double peak, width, low, high;
};

// Inverts the density's cumulative sum over cells of 1/50 width, which widens it by 2e-5 of its
// standard deviation. Beyond 16 widths is less than 1e-6 of a logarithmically concave density.
template <class F> double draw_from(F&& log_density, const Support& s, double u) {
  constexpr int cells = 1600;
  constexpr double widths = 16;
  const double low = std::max(s.low, s.peak - widths * s.width),
               high = std::min(s.high, s.peak + widths * s.width);
  const double cell = (high - low) / cells, top = log_density(s.peak);
  std::vector<double> sum(cells + 1, 0.0);
  for (std::size_t i = 0; i < cells; ++i)
    sum[i + 1] = sum[i] + std::exp(log_density(low + (double(i) + 0.5) * cell) - top);
  const double wanted = u * sum.back();
  const auto above = std::upper_bound(sum.begin() + 1, sum.end() - 1, wanted);
  const auto i = std::size_t(above - sum.begin()) - 1;
  return low + cell * (double(i) + (wanted - sum[i]) / (sum[i + 1] - sum[i]));
}

double draw_outlier_fraction(Index outliers, Index pixels, double u) {
  const double a = NoiseOptions::prior_outliers + double(outliers),
               b = NoiseOptions::prior_others + double(pixels - outliers);
  const auto log_density = [=](double t) { // of t = ln(f/(1 - f))
    return a * t - (a + b) * std::log1p(std::exp(t));
  };
  const double t =
      draw_from(log_density, {std::log(a / b), std::sqrt(1 / a + 1 / b), -INFINITY, INFINITY}, u);
  return 1 / (1 + std::exp(-t));
}

std::vector<Index> draw_outliers(const VectorXd& r, const ChainNoise& noise,
                                 ChainNumbers& numbers) {
  const double prior =
      noise.outlier_fraction / (1 - noise.outlier_fraction) / NoiseOptions::widening;
  std::vector<Index> outliers;
  for (Index p = 0; p < r.size(); ++p) {
    const double standard = r[p] / noise.scale;
    const double odds = prior * std::exp(0.5 * forgiven * standard * standard);
    if (numbers.uniform() > 1 / (1 + odds)) outliers.push_back(p);
  }
  return outliers;
}

// Data whose noise has changed: transform residual + shift.
class TransformedData : public WhitenedData {
public:
  TransformedData(const WhitenedData& data, MatrixXd transform, VectorXd shift)
      : data_(data), transform_(std::move(transform)), shift_(std::move(shift)) {}
  Index size() const override { return data_.size(); }
  VectorXd residual(const VectorXd& x) const override {
    return transform_ * data_.residual(x) + shift_;
  }
  MatrixXd jacobian(const VectorXd& x) const override { return transform_ * data_.jacobian(x); }

private:
  const WhitenedData& data_;
  MatrixXd transform_;
  VectorXd shift_;
};

std::shared_ptr<const WhitenedData> under_noise(const WhitenedData& data, const PixelBasis& pixels,
                                                const std::vector<Index>& outliers, double scale) {
  const MatrixXd q = pixels.basis(outliers, Eigen::all);
  const VectorXd e = pixels.rest(outliers);
  MatrixXd m = MatrixXd::Identity(data.size(), data.size());
  m.selfadjointView<Eigen::Lower>().rankUpdate(q.transpose(), -forgiven);
  const Eigen::LLT<MatrixXd> llt(m);
  const VectorXd c = -forgiven * (q.transpose() * e);
  return std::make_shared<TransformedData>(data, MatrixXd(llt.matrixU()) / scale,
                                           llt.matrixL().solve(c) / scale);
}

} // namespace

std::vector<std::string> names_of(const NoiseOptions& o) {
  std::vector<std::string> names;
  if (o.jitter) names.emplace_back("noise_scale");
  if (o.outliers) names.emplace_back("outlier_fraction");
  return names;
}

MatrixXd values_of(const NoiseOptions& o, std::span<const ChainNoise> noise) {
  MatrixXd values(Index(o.jitter) + Index(o.outliers), Index(noise.size()));
  for (std::size_t n = 0; n < noise.size(); ++n) {
    if (o.jitter) values(0, Index(n)) = noise[n].scale;
    if (o.outliers) values(Index(o.jitter), Index(n)) = noise[n].outlier_fraction;
  }
  return values;
}

double draw_noise_scale(double chi2, Index pixels, double u) {
  const double low = std::log(NoiseOptions::least_scale),
               high = std::log(NoiseOptions::largest_scale), P = double(pixels);
  const auto log_density = [=](double t) { // of t = ln s: concave
    return -P * t - 0.5 * chi2 * std::exp(-2 * t);
  };
  const double peak = std::clamp(0.5 * std::log(std::max(chi2, 1e-300) / P), low, high);
  const double curvature = 2 * chi2 * std::exp(-2 * peak);
  const double slope = std::abs(0.5 * curvature - P); // 0 unless the peak is cut off
  return std::exp(
      draw_from(log_density, {peak, 1 / std::max(slope, std::sqrt(curvature)), low, high}, u));
}

ChainNoise NoiseModel::draw(const VectorXd& x, const ChainNoise& before,
                            ChainNumbers& numbers) const {
  const VectorXd r = pixels_.rest + pixels_.basis * data_.residual(x);
  ChainNoise now = before;
  std::vector<Index> outliers;
  if (options_.outliers) {
    outliers = draw_outliers(r, before, numbers);
    now.outlier_fraction =
        draw_outlier_fraction(Index(outliers.size()), r.size(), numbers.uniform());
  }
  if (options_.jitter) {
    const double chi2 = r.squaredNorm() - forgiven * VectorXd(r(outliers)).squaredNorm();
    now.scale = draw_noise_scale(chi2, r.size(), numbers.uniform());
  }
  now.data = under_noise(data_, pixels_, outliers, now.scale);
  return now;
}

} // namespace lookback::tools
