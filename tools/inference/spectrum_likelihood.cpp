#include "tools/inference/spectrum_likelihood.hpp"

#include "engine/parallel.hpp"

namespace lookback::tools {
namespace {

// Histories a thread takes at a time; physics gives one history the same bits in any block.
constexpr Eigen::Index block = 16;

template <class F> void for_blocks(Eigen::Index count, F&& f) {
  parallel_for((count + block - 1) / block, [&](std::int64_t i) {
    f(i * block, std::min<Eigen::Index>(block, count - i * block));
  });
}

} // namespace

Eigen::MatrixXd physical_histories(const Tensor& x, const nn::Normalization& normalization) {
  const Shape& s = x.shape();
  require(s.rank() == 3 && s[2] == 2 && std::int64_t(normalization.mean.size()) == 2 * s[1],
          "histories: x has shape ", s.text(), ", expected [B, bins, 2] with the prior's bins");
  const std::vector<double> values = x.numbers();
  const std::size_t n = normalization.mean.size();
  Eigen::MatrixXd histories(Eigen::Index(n), s[0]);
  for (std::int64_t b = 0; b < s[0]; ++b) {
    const auto history =
        nn::history_of(std::span(values).subspan(std::size_t(b) * n, n), normalization, 2);
    histories.col(b) = Eigen::VectorXd::Map(history.data(), Eigen::Index(n));
  }
  return histories;
}

SpectrumLikelihood::SpectrumLikelihood(const physics::ForwardModel& model,
                                       const nn::Normalization& normalization,
                                       const Measurements& measured)
    : model_(model), normalization_(normalization) {
  const std::size_t n = std::size_t(model.outputs());
  require(measured.flux.size() == n && measured.ivar.size() == n && measured.used.size() == n,
          "likelihood: flux, ivar and mask have ", measured.flux.size(), ", ", measured.ivar.size(),
          " and ", measured.used.size(), " entries, the model ", n);
  for (std::size_t p = 0; p < n; ++p) {
    if (!measured.used[p]) continue;
    require(measured.ivar[p] > 0, "likelihood: ivar of entry ", p, " is ", measured.ivar[p],
            "; one that is used needs a positive one");
    used_.push_back(Eigen::Index(p));
  }
  require(!used_.empty(), "likelihood: no pixel is used");
  flux_ = Eigen::VectorXd::Map(measured.flux.data(), Eigen::Index(n))(used_);
  const Eigen::VectorXd ivar = Eigen::VectorXd::Map(measured.ivar.data(), Eigen::Index(n))(used_);
  calibrated_ = measured.calibration.size() > 0;
  require(!calibrated_ || measured.calibration.rows() == Eigen::Index(n),
          "likelihood: the calibration has ", measured.calibration.rows(), " rows, the model ", n);
  const Eigen::MatrixXd modes =
      calibrated_ ? Eigen::MatrixXd(measured.calibration(used_, Eigen::all)) : Eigen::MatrixXd();
  whitening_.emplace(ivar.cwiseInverse(), modes);
  ones_.assign(used_.size(), 1);
}

Eigen::MatrixXd SpectrumLikelihood::whitened_residual(const Eigen::MatrixXd& model_flux) const {
  return whitening_->apply((-model_flux(used_, Eigen::all)).colwise() + flux_);
}

Eigen::VectorXd SpectrumLikelihood::chi2(const Eigen::MatrixXd& model_flux) const {
  return whitened_residual(model_flux).colwise().squaredNorm().transpose();
}

std::vector<double> SpectrumLikelihood::residual(const Tensor& x) const {
  const Eigen::MatrixXd histories = physical_histories(x, normalization_);
  const auto n = Eigen::Index(used_.size());
  std::vector<double> residual(std::size_t(n * histories.cols()));
  Eigen::Map<Eigen::MatrixXd> all(residual.data(), n, histories.cols());
  for_blocks(histories.cols(), [&](Eigen::Index first, Eigen::Index count) {
    all.middleCols(first, count) =
        whitened_residual(model_.value(histories.middleCols(first, count)));
  });
  return residual;
}

Tensor SpectrumLikelihood::vjp(const Tensor& x, std::span<const double> u) const {
  const Eigen::MatrixXd histories = physical_histories(x, normalization_);
  const auto n = Eigen::Index(used_.size());
  const std::size_t L = std::size_t(x.shape()[1]);
  require(std::int64_t(u.size()) == n * histories.cols(), "likelihood: the cotangent has ",
          u.size(), " numbers");
  const Eigen::Map<const Eigen::MatrixXd> all(u.data(), n, histories.cols());
  const std::vector<double> at = x.numbers();
  std::vector<double> gradient(at.size());
  for_blocks(histories.cols(), [&](Eigen::Index first, Eigen::Index count) {
    Eigen::MatrixXd spread = Eigen::MatrixXd::Zero(model_.outputs(), count);
    spread(used_, Eigen::all) = whitening_->transpose(all.middleCols(first, count));
    Eigen::MatrixXd physical = model_.vjp(histories.middleCols(first, count), spread);
    for (Eigen::Index b = 0; b < count; ++b) {
      const std::size_t sample = std::size_t(first + b) * 2 * L;
      const std::span<double> pulled(physical.col(b).data(), 2 * L);
      nn::history_derivative(std::span(at).subspan(sample, 2 * L), normalization_, 2)
          .pull_back(pulled);
      for (std::size_t l = 0; l < L; ++l)
        for (std::size_t c = 0; c < 2; ++c) gradient[sample + 2 * l + c] = pulled[c * L + l];
    }
  });
  Tensor g = empty_like(x);
  visit(x.dtype(), [&]<class T>(T) {
    const std::vector<T> values(gradient.begin(), gradient.end());
    x.backend().upload(values.data(), g);
  });
  return g;
}

} // namespace lookback::tools
