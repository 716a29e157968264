// compressed_spectrum with parameters of the galaxy left free. W B(nu), the whitened spectra of the
// stellar populations, is computed at the nodes of a Chebyshev grid of nu, compressed in one common
// basis, and interpolated by polynomials: B depends on A_V like an exponential, and on redshift and
// dispersion, within their errors, like a shift and a blur by a part of a resolution element.
#pragma once

#include "tools/inference/compressed_spectrum.hpp"

#include <functional>

namespace lookback::tools {

// A galaxy's model with other parameters.
using ModelAt = std::function<physics::GalaxyModel(const physics::Nuisance&)>;

// `centre` holds the parameters that `free` does not name. Errors: those of compressed_spectrum.
SpectrumData nuisance_spectrum(const ModelAt& model_at, const physics::Nuisance& centre,
                               std::vector<NuisancePrior> free, const Eigen::VectorXd& log_z_nodes,
                               const SpectrumLikelihood& likelihood,
                               const nn::Normalization& normalization);

} // namespace lookback::tools
