#include "tools/galaxy/mock_galaxy.hpp"

#include "engine/error.hpp"

namespace lookback::tools {
namespace {

Measurements observed(const physics::GalaxyModel& model, const Eigen::VectorXd& history, double snr,
                      const Stream& noise) {
  const Eigen::MatrixXd flux = model.value(history);
  Measurements m{{flux.data(), flux.data() + flux.size()}, {}, model.inside(), {}};
  m.ivar.resize(m.flux.size());
  add_noise(snr, noise, m.used, m.flux, m.ivar);
  return m;
}

} // namespace

void add_noise(double snr, const Stream& stream, std::span<const std::uint8_t> inside,
               std::span<double> flux, std::span<double> ivar) {
  double sum = 0, covered = 0;
  for (std::size_t i = 0; i < flux.size(); ++i) {
    sum += flux[i];
    covered += inside[i];
  }
  require(sum > 0, "history ", stream.object, " has no flux, so --snr gives its mock no noise");
  const double sigma = sum / covered / snr;
  for (std::size_t i = 0; i < flux.size(); ++i) {
    ivar[i] = 0;
    if (!inside[i]) continue;
    flux[i] += sigma * stream.normal(i);
    ivar[i] = 1 / (sigma * sigma);
  }
}

MockGalaxy::MockGalaxy(const physics::SspGrid& grid, const physics::TimeBins& bins,
                       const physics::Nuisance& nuisance,
                       std::span<const double> wavelength_angstrom, const Eigen::VectorXd& history,
                       double snr, const Stream& noise, const nn::Normalization& normalization)
    : model(grid, bins, nuisance, physics::spectrograph(wavelength_angstrom)),
      likelihood(model, normalization, observed(model, history, snr, noise)) {}

} // namespace lookback::tools
