// The ways to draw histories from a prior or a posterior, behind one call: a new method is one more
// function in methods.cpp.
#pragma once

#include "nn/posterior.hpp"
#include "physics/galaxy_model.hpp"
#include "tools/inference/chains.hpp"
#include "tools/inference/dkps.hpp"
#include "tools/inference/guided.hpp"
#include "tools/inference/latent.hpp"
#include "tools/inference/nuisance_spectrum.hpp"
#include "tools/inference/spectrum_likelihood.hpp"

#include <optional>
#include <string>
#include <utility>
#include <variant>

namespace lookback::tools {

struct MethodOptions {
  std::string name = "dkps"; // or tmpd, pigdm, cla, dps, latent, cla-diagonal
  std::optional<int> steps;  // or noise levels; none: as many as the method needs
  std::string covariance = "mixture", integrator = "ancestral";
  nn::DiagonalCla::Options cla;
  DkpsOptions dkps;
  LatentOptions latent;
  NoiseOptions noise; // of dkps
};

// What a run says of itself: attributes of the samples file, and a sentence for the user or none.
struct Diagnostics {
  std::vector<std::pair<std::string, std::variant<std::string, double, std::int64_t>>> attributes;
  std::string sentence;
};

// A way to draw chains of histories, ready to run.
struct Method {
  std::string name;
  std::int64_t evaluations; // of the network, a chain
  std::int64_t steps;       // calls of `step_done` a batch
  // One column a chain: SFR [Msun/yr], log10(Z/Zsun), the posterior's free parameters, and the
  // noise's, named by names_of().
  std::function<Eigen::MatrixXd(const std::function<void()>& step_done)> run;
  std::function<void(std::int64_t chains)> few; // one evaluation, to time it
  std::function<Diagnostics()> diagnose = [] { return Diagnostics{}; }; // after the run
  // What draws are compared with, of x with the free parameters below; none of cla-diagonal.
  std::shared_ptr<const WhitenedData> data = nullptr;
  bool whole_on_device = false; // or is all but the network left to the CPU
};

// sampler: euler-maruyama or heun. `chains.steps` is taken as it is.
Method prior_method(const nn::Prior& prior, const std::string& sampler, const ChainOptions& chains);

// What is to be sampled; all of it must outlive the method.
struct Posterior {
  const nn::Prior& prior;
  const physics::GalaxyModel& model;
  const Eigen::VectorXd& log_z_nodes; // of the SSP grid
  const SpectrumLikelihood& likelihood;
  // Parameters of the galaxy to be drawn with the history, and the model at others than its own.
  std::vector<NuisancePrior> free;
  ModelAt model_at;
};
// `options.steps` goes before `chains.steps`. Errors: those of check().
Method posterior_method(const Posterior& posterior, const MethodOptions& options,
                        ChainOptions chains);

// Errors: a prior that the method does not work with.
void check(const MethodOptions& options, const nn::Prior& prior);

} // namespace lookback::tools
