// Classifier two-sample test (Lopez-Paz & Oquab 2017, ICLR): a network learns to tell two sets
// apart; where they are alike its accuracy on members it has not seen is 1/2. Five-fold: each
// member is classified once, by a network trained on the other folds, so that the binomial error
// counts them all. Layers columns-64-64-1 with SiLU on standardised features, squared loss on the
// labels -1 and 1, Adam, stopped where the loss on a validation part is least.
#pragma once

#include <cstdint>
#include <span>

namespace lookback::tools {

struct ClassifierOptions {
  // Standard deviations of each column by which both sets are blurred first. Draws of a diffusion
  // model keep noise of about sigma_min, so that without blurring exact zeros betray the data.
  double blur = 0;
  int epochs = 60;
  std::int64_t batch = 128;
  double learning_rate = 1e-3;
  std::uint64_t seed = 0;
};

struct Accuracy {
  double value, error; // error: binomial, of a fair coin
};

// a[n, columns] against b[m, columns], equal numbers of both (the first ones of the longer).
// Errors: fewer than 50 rows of either.
Accuracy classifier_accuracy(std::span<const double> a, std::span<const double> b,
                             std::size_t columns, const ClassifierOptions& options);

} // namespace lookback::tools
