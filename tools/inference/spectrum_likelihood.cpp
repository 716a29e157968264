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
  const std::int64_t L = s[1];
  Eigen::MatrixXd histories(2 * L, s[0]);
  for (std::int64_t b = 0; b < s[0]; ++b)
    for (std::int64_t l = 0; l < L; ++l)
      for (std::int64_t c = 0; c < 2; ++c) {
        const std::size_t i = std::size_t(c * L + l);
        histories(c * L + l, b) =
            normalization.mean[i] + normalization.std[i] * values[std::size_t((b * L + l) * 2 + c)];
      }
  return histories;
}

SpectrumLikelihood::SpectrumLikelihood(const physics::GalaxyModel& model,
                                       const nn::Normalization& normalization,
                                       std::span<const double> flux, std::span<const double> ivar,
                                       std::span<const std::uint8_t> used)
    : model_(model), normalization_(normalization) {
  const std::size_t n = std::size_t(model.pixels());
  require(flux.size() == n && ivar.size() == n && used.size() == n,
          "likelihood: flux, ivar and mask have ", flux.size(), ", ", ivar.size(), " and ",
          used.size(), " pixels, the model ", n);
  for (std::size_t p = 0; p < n; ++p) {
    if (!used[p]) continue;
    require(ivar[p] > 0, "likelihood: ivar of pixel ", p, " is ", ivar[p],
            "; a used pixel needs a positive one");
    used_.push_back(p);
    flux_.push_back(flux[p]);
    variance_.push_back(1 / ivar[p]);
  }
  require(!used_.empty(), "likelihood: no pixel is used");
}

std::vector<double> SpectrumLikelihood::residual(const Tensor& x) const {
  const Eigen::MatrixXd histories = physical_histories(x, normalization_);
  const std::size_t n = used_.size();
  std::vector<double> residual(n * std::size_t(histories.cols()));
  for_blocks(histories.cols(), [&](Eigen::Index first, Eigen::Index count) {
    const Eigen::MatrixXd flux = model_.value(histories.middleCols(first, count));
    for (Eigen::Index b = 0; b < count; ++b)
      for (std::size_t p = 0; p < n; ++p)
        residual[std::size_t(first + b) * n + p] = flux_[p] - flux(Eigen::Index(used_[p]), b);
  });
  return residual;
}

Tensor SpectrumLikelihood::vjp(const Tensor& x, std::span<const double> u) const {
  const Eigen::MatrixXd histories = physical_histories(x, normalization_);
  const std::size_t n = used_.size();
  const std::int64_t L = x.shape()[1];
  require(u.size() == n * std::size_t(histories.cols()), "likelihood: the cotangent has ", u.size(),
          " numbers");
  std::vector<double> gradient(std::size_t(x.size()));
  for_blocks(histories.cols(), [&](Eigen::Index first, Eigen::Index count) {
    Eigen::MatrixXd spread = Eigen::MatrixXd::Zero(model_.pixels(), count);
    for (Eigen::Index b = 0; b < count; ++b)
      for (std::size_t p = 0; p < n; ++p)
        spread(Eigen::Index(used_[p]), b) = u[std::size_t(first + b) * n + p];
    const Eigen::MatrixXd physical = model_.vjp(histories.middleCols(first, count), spread);
    for (Eigen::Index b = 0; b < count; ++b)
      for (std::int64_t l = 0; l < L; ++l)
        for (std::int64_t c = 0; c < 2; ++c)
          gradient[std::size_t(((first + b) * L + l) * 2 + c)] =
              physical(c * L + l, b) * normalization_.std[std::size_t(c * L + l)];
  });
  Tensor g = empty_like(x);
  visit(x.dtype(), [&]<class T>(T) {
    const std::vector<T> values(gradient.begin(), gradient.end());
    x.backend().upload(values.data(), g);
  });
  return g;
}

} // namespace lookback::tools
