#include "tools/quality/classifier.hpp"

#include "nn/layers.hpp"
#include "nn/optimizer.hpp"
#include "tools/quality/history_set.hpp"

#include <algorithm>
#include <cmath>

namespace lookback::tools {

namespace {

constexpr int folds = 5;
constexpr std::int64_t validation_share = 8; // one in eight of what is not tested
constexpr int patience = 12;                 // epochs without progress before it ends

// Rows of features with their labels.
struct Rows {
  std::size_t columns = 0;
  std::vector<float> x, label;

  std::int64_t count() const { return std::int64_t(label.size()); }
  Tensor features(std::span<const std::int64_t> rows) const {
    std::vector<float> values;
    for (const std::int64_t r : rows) {
      const auto first = x.begin() + std::ptrdiff_t(std::size_t(r) * columns);
      values.insert(values.end(), first, first + std::ptrdiff_t(columns));
    }
    return Tensor::from<float>({std::int64_t(rows.size()), std::int64_t(columns)}, values,
                               cpu_backend());
  }
  Tensor minus_labels(std::span<const std::int64_t> rows) const {
    std::vector<float> values;
    for (const std::int64_t r : rows) values.push_back(-label[std::size_t(r)]);
    return Tensor::from<float>({std::int64_t(rows.size()), 1}, values, cpu_backend());
  }
};

class Network {
public:
  Network(std::size_t columns, std::uint64_t seed)
      : params_(cpu_backend(), DType::f32), first_({params_, "first."}, std::int64_t(columns), 64),
        second_({params_, "second."}, 64, 64), last_({params_, "last."}, 64, 1) {
    params_.allocate();
    params_.initialise(seed);
  }
  nn::Params& params() { return params_; }
  Tensor operator()(const Tensor& x) const {
    const Tensor h = activate(Activation::silu, first_(x));
    return last_(activate(Activation::silu, second_(h)));
  }
  Tensor loss(const Rows& rows, std::span<const std::int64_t> which) const {
    const Tensor y = (*this)(rows.features(which));
    return mean(squared_norm(add(y, rows.minus_labels(which))));
  }

private:
  nn::Params params_;
  nn::Dense first_, second_, last_;
};

void train_epoch(Network& network, nn::Optimizer& optimizer, const Rows& rows,
                 std::span<const std::int64_t> order, const ClassifierOptions& o) {
  const nn::OptimizerOptions options{.learning_rate = o.learning_rate};
  const auto batch = std::size_t(o.batch);
  for (std::size_t first = 0; first < order.size(); first += batch) {
    optimizer.clear_gradient();
    Tape tape;
    {
      const nn::Recording recording(network.params(), tape, optimizer.gradient);
      tape.backward(
          network.loss(rows, order.subspan(first, std::min(batch, order.size() - first))));
    }
    optimizer.update(network.params(), options);
  }
}

// Leaves the weights that were best on `validation`.
void train(Network& network, const Rows& rows, std::span<const std::int64_t> training,
           std::span<const std::int64_t> validation, const ClassifierOptions& o, int fold) {
  nn::Optimizer optimizer(network.params());
  const Tensor& weights = network.params().flat();
  const Tensor best = empty_like(weights);
  double least = INFINITY;
  for (int epoch = 0, since = 0; epoch < o.epochs && since < patience; ++epoch, ++since) {
    std::vector<std::int64_t> order =
        shuffled(std::int64_t(training.size()), o.seed, std::uint32_t(1 + fold * o.epochs + epoch));
    for (std::int64_t& row : order) row = training[std::size_t(row)];
    train_epoch(network, optimizer, rows, order, o);
    const double loss = network.loss(rows, validation).numbers()[0];
    if (loss >= least) continue;
    least = loss;
    since = -1;
    cpu_backend().copy(weights, best);
  }
  require(std::isfinite(least), "the classifier's loss is not finite; are all features?");
  cpu_backend().copy(best, weights);
}

// Both sets, every column with mean 0 and deviation 1 over both, blurred; a and b in turn.
Rows standardised(std::span<const double> a, std::span<const double> b, std::size_t columns,
                  const ClassifierOptions& o) {
  const std::size_t n = std::min(a.size(), b.size()) / columns;
  std::vector<double> mean(columns, 0.0), squares(columns, 0.0);
  for (const auto& set : {a, b})
    for (std::size_t i = 0; i < n * columns; ++i) mean[i % columns] += set[i] / double(2 * n);
  for (const auto& set : {a, b})
    for (std::size_t i = 0; i < n * columns; ++i)
      squares[i % columns] += std::pow(set[i] - mean[i % columns], 2) / double(2 * n);
  Rows rows{columns, {}, {}};
  for (std::size_t r = 0; r < 2 * n; ++r) {
    const Stream noise{
        .seed = o.seed, .purpose = Purpose::observation_noise, .draw = std::uint32_t(r)};
    const auto& set = r % 2 ? b : a;
    for (std::size_t c = 0; c < columns; ++c) {
      const double x = set[r / 2 * columns + c] - mean[c];
      const double unit = squares[c] > 0 ? x / std::sqrt(squares[c]) : 0;
      rows.x.push_back(float(unit + (o.blur > 0 ? o.blur * noise.normal(c) : 0)));
    }
    rows.label.push_back(r % 2 ? 1 : -1);
  }
  return rows;
}

} // namespace

Accuracy classifier_accuracy(std::span<const double> a, std::span<const double> b,
                             std::size_t columns, const ClassifierOptions& o) {
  const std::size_t n = std::min(a.size(), b.size()) / columns;
  require(n >= 50, "a classifier needs at least 50 members of each set; there are ", n);
  const Rows rows = standardised(a, b, columns, o);
  // Pairs (2k, 2k + 1) stay together, so that every part holds as many of both.
  const std::vector<std::int64_t> pairs = shuffled(std::int64_t(n), o.seed, 0);
  std::int64_t right = 0;
  for (int fold = 0; fold < folds; ++fold) {
    std::vector<std::int64_t> training, validation, test;
    for (std::size_t k = 0; k < n; ++k) {
      const bool tested = k % folds == std::size_t(fold);
      auto& part = tested ? test : k / folds % validation_share == 0 ? validation : training;
      part.insert(part.end(), {2 * pairs[k], 2 * pairs[k] + 1});
    }
    Network network(columns, o.seed + std::uint64_t(fold));
    train(network, rows, training, validation, o, fold);
    const std::vector<double> y = network(rows.features(test)).numbers();
    for (std::size_t i = 0; i < test.size(); ++i)
      right += y[i] * rows.label[std::size_t(test[i])] > 0;
  }
  return {double(right) / double(rows.count()), 0.5 / std::sqrt(double(rows.count()))};
}

} // namespace lookback::tools
