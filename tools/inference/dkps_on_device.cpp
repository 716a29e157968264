#include "tools/inference/dkps_on_device.hpp"

#include "tools/inference/level_on_device.hpp"

#include <cmath>

namespace lookback::tools {

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;

namespace {

Tensor numbers(Backend& device, Shape shape) {
  return {shape, DType::f64, device};
}

Tensor on_device(Backend& device, Shape shape, std::span<const double> values) {
  const Tensor x = numbers(device, shape);
  require(x.size() == std::int64_t(values.size()), "device: ", values.size(), " numbers for ",
          shape.text());
  device.upload(values.data(), x);
  return x;
}
Tensor on_device(Backend& device, const MatrixXd& columns) { // [columns, rows]
  return on_device(device, {columns.cols(), columns.rows()},
                   {columns.data(), std::size_t(columns.size())});
}

MatrixXd on_host(const Tensor& x) {
  const std::vector<double> values = x.values<double>();
  return MatrixXd::Map(values.data(), x.shape()[1], x.shape()[0]);
}

SpectrumOnDevice on_device(Backend& device, const SpectrumTerms& s) {
  using On = SpectrumOnDevice;
  require(device_takes(s.normalization), "dkps: the device does not take relative rates");
  require(s.free.size() <= On::most_free, "dkps: the device takes at most ", On::most_free,
          " free parameters");
  On on{};
  on.bins = int(s.populations.bins);
  on.formed = int(s.populations.formed);
  on.metallicities = int(s.populations.log_z_nodes.size());
  on.size = int(s.y.size());
  on.nodes = int(s.r.rows() / s.y.size());
  on.free = int(s.free.size());
  on.asinh = s.normalization.sfr == nn::SfrVariable::asinh;
  on.floor = s.normalization.floor;
  std::vector<double> axes;
  for (std::size_t q = 0; q < s.free.size(); ++q) {
    on.parameter[q] = {s.free[q].low, s.free[q].high, s.free[q].error, int(s.axes[q].size())};
    axes.insert(axes.end(), s.axes[q].begin(), s.axes[q].end());
  }
  on.y = on_device(device, s.y);
  on.r = on_device(device, s.r);
  on.log_z = on_device(device, s.populations.log_z_nodes);
  on.mean = on_device(device, {2 * on.bins}, s.normalization.mean);
  on.std = on_device(device, {2 * on.bins}, s.normalization.std);
  on.axes = on_device(device, {std::int64_t(axes.size())}, axes);
  return on;
}

MixtureOnDevice on_device(Backend& device, const GaussianMixture& m) {
  const Index K = m.components(), D = m.dimension();
  MatrixXd basis(D, D * K), variance(D, K);
  for (Index k = 0; k < K; ++k) {
    basis.middleCols(k * D, D) = m.basis(k);
    variance.col(k) = m.variance(k);
  }
  return {on_device(device, VectorXd(m.weight().array().log())), on_device(device, m.mean()),
          on_device(device, basis).reshaped({K, D, D}), on_device(device, variance)};
}

LevelOnDevice level_of(Backend& device, const GaussianMixture& mixture,
                       const SpectrumTerms& spectrum, std::int64_t first, std::int64_t count,
                       const DkpsOptions& o) {
  const std::vector<double> sigma = karras_levels(o.sigma_max, o.sigma_min, o.levels);
  const Index D = mixture.dimension(), X = spectrum.dimension();
  require(D == 2 * spectrum.populations.bins, "dkps: the mixture has ", D, " numbers, histories ",
          2 * spectrum.populations.bins);
  LevelOnDevice l{
      on_device(device, spectrum),
      on_device(device, mixture),
      o.newton_steps,
      o.moves,
      {.seed = o.seed, .purpose = Purpose::posterior_draw, .draw = std::uint32_t(first)},
      on_device(device, {o.levels}, sigma),
      numbers(device, {1}),
      numbers(device, {o.levels, mixture.components(), D, D}),
      numbers(device, {count, X}),
      numbers(device, {count, X}),
      numbers(device, {count, X}),
      numbers(device, {o.levels, count}),
      numbers(device, {o.levels, count})};
  make_factors(l.mixture, l.sigma, l.factors);
  return l;
}

std::vector<LevelReport> reports_of(const LevelOnDevice& l) {
  const MatrixXd accepted = on_host(l.accepted), pull = on_host(l.pull);
  std::vector<LevelReport> reports;
  for (Index k = 0; k < accepted.cols(); ++k)
    reports.push_back({accepted.col(k).mean(), pull.col(k).mean()});
  return reports;
}

// What the network takes of the noise levels, a row a level.
Tensor rows_of_levels(const nn::Prior& prior, std::span<const double> sigma) {
  std::vector<float> rows;
  for (const double s : sigma)
    for (const double v : nn::NoiseLevels::at(prior.sde, float(prior.sde.time_of(s))))
      rows.push_back(float(v));
  Backend& device = prior.network->params().flat().backend();
  return Tensor::from<float>({std::int64_t(sigma.size()), nn::NoiseLevels::count}, rows, device);
}

} // namespace

bool device_takes(const nn::Normalization& normalization) {
  return normalization.sfr != nn::SfrVariable::relative;
}

DkpsDraws sample_dkps_on_device(const nn::Prior& prior, const GaussianMixture& mixture,
                                const SpectrumTerms& spectrum, std::int64_t first,
                                std::int64_t count, const DkpsOptions& o,
                                const std::function<void()>& level_done) {
  Backend& device = prior.network->params().flat().backend();
  const LevelOnDevice l = level_of(device, mixture, spectrum, first, count, o);
  const Index X = spectrum.dimension();
  const MatrixXd start = starting_noise(X, o.sigma_max, o.seed, first, count);
  device.upload(start.data(), l.x_t);
  device.fill(l.level, 0);
  const Tensor one = numbers(device, {1}), z = numbers(device, {count, X});
  device.fill(one, 1);
  const Tensor x({count, prior.length, prior.config.channels}, DType::f32, device),
      row({nn::NoiseLevels::count, count}, DType::f32, device),
      rows = rows_of_levels(prior, karras_levels(o.sigma_max, o.sigma_min, o.levels));
  const nn::NoiseLevels levels(*prior.network, prior.sde, row);
  const Stream noise{
      .seed = o.seed, .purpose = Purpose::sampler_step, .draw = std::uint32_t(first)};
  const auto run_level = [&] {
    device.spread_row(rows, l.level, row);
    network_input(l.x_t, x);
    denoised(l, nn::scaled_score(*prior.network, levels, x));
    draw_level(l);
    device.normal(noise, z, l.level);
    next_level(l, z);
    device.scale(1, one, {l.level, true});
  };
  std::function<void()> repeat;
  for (int level = 0; level < o.levels; ++level) {
    if (repeat)
      repeat();
    else
      repeat = device.repeatable(run_level);
    if (level_done) level_done();
  }
  DkpsDraws draws;
  draws.x = on_host(l.x);
  require(draws.x.allFinite(), "sampling: a draw on the device is not finite");
  draws.levels = reports_of(l);
  return draws;
}

MatrixXd conditional_draws_on_device(Backend& device, const GaussianMixture& mixture,
                                     const SpectrumTerms& spectrum, const MatrixXd& x_t,
                                     const MatrixXd& mean, std::size_t level, std::int64_t first,
                                     const DkpsOptions& o, LevelReport* report) {
  const LevelOnDevice l = level_of(device, mixture, spectrum, first, x_t.cols(), o);
  device.upload(x_t.data(), l.x_t);
  device.upload(mean.data(), l.mean);
  device.fill(l.level, double(level));
  draw_level(l);
  if (report) *report = reports_of(l)[level];
  return on_host(l.x);
}

} // namespace lookback::tools
