#include "tools/inference/noise_model.hpp"

#include <Eigen/Cholesky>

#include <algorithm>
#include <cmath>
#include <optional>

namespace lookback::tools {

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;

namespace {

constexpr double forgiven = 1 - 1 / (NoiseOptions::widening * NoiseOptions::widening);

// Where a logarithmically concave density lies: its peak in [low, high], and there the first and
// second derivative of its logarithm; the first is 0 unless the peak is cut off.
struct Support {
  double low, high, peak, slope, curvature;
  double width() const { return 1 / std::max(std::abs(slope), std::sqrt(-curvature)); }
};

// Inverts the density's cumulative sum over cells of 1/50 width, which widens it by 2e-5 of its
// standard deviation. Beyond 16 widths is less than 1e-6 of a logarithmically concave density.
template <class F> double draw_from(F&& log_density, const Support& s, double u) {
  constexpr int cells = 1600;
  constexpr double widths = 16;
  const double low = std::max(s.low, s.peak - widths * s.width()),
               high = std::min(s.high, s.peak + widths * s.width());
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
  const double f = std::min(a / (a + b), NoiseOptions::most_outliers);
  const double high = std::log(NoiseOptions::most_outliers / (1 - NoiseOptions::most_outliers));
  const double t = draw_from(log_density,
                             {-INFINITY, high, std::min(high, std::log(f / (1 - f))),
                              a - (a + b) * f, -(a + b) * f * (1 - f)},
                             u);
  return 1 / (1 + std::exp(-t));
}

std::vector<Index> draw_outliers(const VectorXd& r, double fraction, ChainNumbers& numbers) {
  const double prior = fraction / (1 - fraction) / NoiseOptions::widening;
  std::vector<Index> outliers;
  for (Index p = 0; p < r.size(); ++p) {
    const double odds = prior * std::exp(0.5 * forgiven * r[p] * r[p]);
    if (numbers.uniform() > 1 / (1 + odds)) outliers.push_back(p);
  }
  return outliers;
}

// Data whose noise has changed: (U residual + shift)/scale, U upper triangular.
class ReweightedData : public WhitenedData {
public:
  ReweightedData(const WhitenedData& data, const PixelBasis& pixels,
                 const std::vector<Index>& outliers, double scale)
      : data_(data), scale_(scale) {
    if (outliers.empty()) return;
    const MatrixXd q = pixels.basis(outliers, Eigen::all);
    MatrixXd m = MatrixXd::Identity(q.cols(), q.cols());
    m.selfadjointView<Eigen::Lower>().rankUpdate(q.transpose(), -forgiven);
    const Eigen::LLT<MatrixXd> llt(m);
    upper_ = llt.matrixU();
    shift_ = llt.matrixL().solve(-forgiven * (q.transpose() * pixels.rest(outliers)));
  }
  Index size() const override { return data_.size(); }
  VectorXd residual(const VectorXd& x) const override {
    VectorXd r = data_.residual(x);
    if (upper_) r = upper_->triangularView<Eigen::Upper>() * r + shift_;
    return r / scale_;
  }
  MatrixXd jacobian(const VectorXd& x) const override {
    MatrixXd j = data_.jacobian(x);
    if (upper_) j = upper_->triangularView<Eigen::Upper>() * j;
    return j / scale_;
  }

private:
  const WhitenedData& data_;
  double scale_;
  std::optional<MatrixXd> upper_; // none: the unit matrix
  VectorXd shift_;
};

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
  const double square = chi2 * std::exp(-2 * peak);
  return std::exp(draw_from(log_density, {low, high, peak, square - P, -2 * square}, u));
}

ChainNoise NoiseModel::draw(const VectorXd& x, const ChainNoise& before,
                            ChainNumbers& numbers) const {
  const VectorXd r = pixels_.rest + pixels_.basis * data_.residual(x);
  ChainNoise now = before;
  if (options_.jitter) {
    const double chi2 = r.squaredNorm() - forgiven * VectorXd(r(now.outliers)).squaredNorm();
    now.scale = draw_noise_scale(chi2, r.size(), numbers.uniform());
  }
  if (options_.outliers) {
    now.outliers = draw_outliers(r / now.scale, now.outlier_fraction, numbers);
    now.outlier_fraction =
        draw_outlier_fraction(Index(now.outliers.size()), r.size(), numbers.uniform());
  }
  now.data = std::make_shared<ReweightedData>(data_, pixels_, now.outliers, now.scale);
  return now;
}

} // namespace lookback::tools
