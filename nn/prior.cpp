#include "nn/prior.hpp"

#include "engine/hdf5.hpp"

namespace lookback::nn {
namespace {

const std::string hyper = "/hyperparameters";

// Hyperparameters under score_models' names; what the file does not say keeps its default.
struct Hyperparameters {
  const H5Reader& file;

  template <class T> void number(const std::string& name, T& value) const {
    if (file.has_attribute(hyper, name)) value = T(file.number(hyper, name));
  }
  template <class T> void list(const std::string& name, std::vector<T>& values) const {
    if (!file.has_attribute(hyper, name)) return;
    const std::vector<double> found = file.numbers(hyper, name);
    values.assign(found.begin(), found.end());
  }
  void text(const std::string& name, std::string& value) const {
    if (file.has_attribute(hyper, name)) value = file.text(hyper, name);
  }
  void require_text(const std::string& name, const std::string& expected) const {
    std::string value = expected;
    text(name, value);
    require(value == expected, file.file().string(), ": hyperparameter ", name, " is ", value,
            "; only ", expected, " is supported");
  }
};

void read_hyperparameters(const H5Reader& file, Prior& prior) {
  const Hyperparameters h{file};
  NcsnppConfig& c = prior.config;
  h.number("channels", c.channels);
  h.number("nf", c.nf);
  h.list("ch_mult", c.ch_mult);
  h.number("num_res_blocks", c.num_res_blocks);
  h.text("activation_type", c.activation_type);
  h.number("fir", c.fir);
  h.list("fir_kernel", c.fir_kernel);
  h.number("skip_rescale", c.skip_rescale);
  h.text("progressive", c.progressive);
  h.text("progressive_input", c.progressive_input);
  h.number("init_scale", c.init_scale);
  h.number("fourier_scale", c.fourier_scale);
  h.text("combine_method", c.combine_method);
  h.number("attention", c.attention);
  h.number("preconditioned", c.preconditioned);
  h.number("sigma_min", prior.sde.sigma_min);
  h.number("sigma_max", prior.sde.sigma_max);
  h.number("T", prior.sde.T);
  h.number("length", prior.length);
  h.require_text("sde", "ve");
  h.require_text("resblock_type", "biggan");
  h.require_text("condition", "None");
  double dropout = 0, dimensions = 1;
  h.number("dropout", dropout);
  h.number("dimensions", dimensions);
  const std::string name = file.file().string();
  require(dropout == 0, name, ": hyperparameter dropout is ", dropout, "; only 0 is supported");
  require(dimensions == 1, name, ": hyperparameter dimensions is ", dimensions,
          "; only 1 is supported");
  require(prior.sde.sigma_min > 0 && prior.sde.sigma_max > prior.sde.sigma_min && prior.sde.T > 0,
          name, ": hyperparameters sigma_min ", prior.sde.sigma_min, ", sigma_max ",
          prior.sde.sigma_max, ", T ", prior.sde.T, " are not a variance-exploding SDE");
  require(prior.length > 0 && prior.length <= 1 << 20, name, ": hyperparameter length is ",
          prior.length, "; expected 1 to 2^20");
}

void write_hyperparameters(H5Writer& file, const Prior& prior) {
  const NcsnppConfig& c = prior.config;
  const auto number = [&](const char* name, double value) { file.attribute(hyper, name, value); };
  const auto whole = [&](const char* name, std::int64_t value) {
    file.attribute(hyper, name, value);
  };
  const std::vector<std::int64_t> ch_mult(c.ch_mult.begin(), c.ch_mult.end());
  whole("channels", c.channels);
  whole("nf", c.nf);
  file.attribute(hyper, "ch_mult", std::span<const std::int64_t>(ch_mult));
  whole("num_res_blocks", c.num_res_blocks);
  file.attribute(hyper, "activation_type", c.activation_type);
  whole("fir", c.fir);
  file.attribute(hyper, "fir_kernel", std::span<const double>(c.fir_kernel));
  whole("skip_rescale", c.skip_rescale);
  file.attribute(hyper, "progressive", c.progressive);
  file.attribute(hyper, "progressive_input", c.progressive_input);
  number("init_scale", c.init_scale);
  number("fourier_scale", c.fourier_scale);
  file.attribute(hyper, "combine_method", c.combine_method);
  whole("attention", c.attention);
  whole("preconditioned", c.preconditioned);
  whole("dimensions", 1);
  number("dropout", 0);
  file.attribute(hyper, "resblock_type", "biggan");
  file.attribute(hyper, "sde", "ve");
  number("sigma_min", prior.sde.sigma_min);
  number("sigma_max", prior.sde.sigma_max);
  number("T", prior.sde.T);
  whole("length", prior.length);
}

void read_weights(const H5Reader& file, const std::string& group, const Params& params,
                  const Tensor& flat) {
  for (const auto& entry : params.entries())
    params.set_from_outside(entry, file.read<float>(group + "/" + entry.name, entry.extents), flat);
}

void write_weights(H5Writer& file, const std::string& group, const Params& params,
                   const Tensor& flat) {
  for (const auto& entry : params.entries())
    file.write<float>(group + "/" + entry.name, entry.extents, params.outside(entry, flat));
}

Mixture read_mixture(const H5Reader& file, std::int64_t D) {
  Mixture m;
  m.weight = file.read<double>("mixture/weight", {-1});
  const auto K = std::int64_t(m.weight.size());
  m.mean = file.read<double>("mixture/mean", {K, D});
  m.covariance = file.read<double>("mixture/covariance", {K, D, D});
  require(K > 0, file.file().string(), ": the mixture has no component");
  return m;
}

} // namespace

Prior read_prior(const std::filesystem::path& path, Backend& backend, DType dtype) {
  const H5Reader file(path);
  file.require_format("lookback-prior");
  Prior prior;
  require(file.has("hyperparameters"), path.string(), ": group hyperparameters is missing");
  read_hyperparameters(file, prior);
  const std::int64_t C = prior.config.channels, L = prior.length;
  prior.normalization.mean = file.read<double>("normalization/mean", {C, L});
  prior.normalization.std = file.read<double>("normalization/std", {C, L});
  for (double s : prior.normalization.std)
    require(s > 0, path.string(), ": normalization/std holds ", s, "; expected positive numbers");
  if (file.has_attribute("normalization", "sfr_variable"))
    prior.normalization.sfr = sfr_variable(file.text("normalization", "sfr_variable"));
  if (prior.normalization.sfr != SfrVariable::linear)
    prior.normalization.floor = file.number("normalization", "sfr_floor");
  prior.bin_edges_gyr = file.read<double>("bin_edges_gyr", {L + 1});
  for (std::size_t i = 1; i < prior.bin_edges_gyr.size(); ++i)
    require(prior.bin_edges_gyr[i] > prior.bin_edges_gyr[i - 1], path.string(),
            ": bin_edges_gyr does not increase");
  if (file.has("mixture")) prior.mixture = read_mixture(file, C * L);
  prior.network = std::make_unique<Ncsnpp>(prior.config, backend, dtype);
  read_weights(file, "weights", prior.network->params(), prior.network->params().flat());
  return prior;
}

std::optional<TrainingState> read_training(const std::filesystem::path& path, Prior& prior) {
  const H5Reader file(path);
  if (!file.has("training")) return std::nullopt;
  const Params& params = prior.network->params();
  TrainingState state{Optimizer(params), {}};
  read_weights(file, "training/raw", params, params.flat());
  read_weights(file, "training/moment_1", params, state.optimizer.moment_1);
  read_weights(file, "training/moment_2", params, state.optimizer.moment_2);
  read_weights(file, "weights", params, state.optimizer.average);
  state.optimizer.step = std::int64_t(file.number("training", "step"));
  state.losses = file.read<float>("training/losses", {-1});
  if (file.has_attribute("training", "epoch_loss"))
    state.epoch_loss = file.number("training", "epoch_loss");
  return state;
}

namespace {

// All that there is besides the state of training.
void write_evaluated(H5Writer& file, const Prior& prior, const Tensor& weights,
                     const std::string& configuration, bool half) {
  const std::int64_t C = prior.config.channels, L = prior.length;
  const auto write = [&](const std::string& name, const Extents& extents,
                         std::span<const float> values) {
    half ? file.write_half(name, extents, values) : file.write<float>(name, extents, values);
  };
  file.format("lookback-prior");
  file.attribute("/", "config", configuration);
  write_hyperparameters(file, prior);
  const Params& params = prior.network->params();
  for (const auto& entry : params.entries())
    write("weights/" + entry.name, entry.extents, params.outside(entry, weights));
  file.write<double>("normalization/mean", {C, L}, prior.normalization.mean);
  file.write<double>("normalization/std", {C, L}, prior.normalization.std);
  file.attribute("normalization", "sfr_variable", name_of(prior.normalization.sfr));
  if (prior.normalization.sfr != SfrVariable::linear)
    file.attribute("normalization", "sfr_floor", prior.normalization.floor);
  file.write<double>("bin_edges_gyr", {L + 1}, prior.bin_edges_gyr, "Gyr");
  if (!prior.mixture) return;
  const Mixture& m = *prior.mixture;
  const std::int64_t K = std::int64_t(m.weight.size()), D = L * C;
  file.write<double>("mixture/weight", {K}, m.weight);
  file.write<double>("mixture/mean", {K, D}, m.mean);
  const std::vector<float> covariance(m.covariance.begin(), m.covariance.end());
  file.write<float>("mixture/covariance", {K, D, D},
                    covariance); // half would lose small eigenvalues
}

} // namespace

void write_prior(const std::filesystem::path& path, const Prior& prior,
                 const TrainingState* training, const std::string& configuration, bool overwrite) {
  const Params& params = prior.network->params();
  H5Writer file(path, overwrite);
  write_evaluated(file, prior, training ? training->optimizer.average : params.flat(),
                  configuration, false);
  if (training) {
    write_weights(file, "training/raw", params, params.flat());
    write_weights(file, "training/moment_1", params, training->optimizer.moment_1);
    write_weights(file, "training/moment_2", params, training->optimizer.moment_2);
    file.attribute("training", "step", training->optimizer.step);
    file.attribute("training", "epoch_loss", training->epoch_loss);
    file.write<float>("training/losses", {std::int64_t(training->losses.size())}, training->losses);
  }
  file.commit();
}

void write_compact_prior(const std::filesystem::path& path, const Prior& prior,
                         const Tensor& weights, const std::string& configuration, bool overwrite) {
  H5Writer file(path, overwrite);
  write_evaluated(file, prior, weights, configuration, true);
  file.commit();
}

} // namespace lookback::nn
